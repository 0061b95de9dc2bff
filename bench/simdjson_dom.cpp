// simdjson_dom - the same order through simdjson's DOM, to see bench_json's figure beside another.
//
//   simdjson_dom ORDER.json [SECONDS]      prints one line of JSON, as bench_json does
#include <chrono>
#include <cstdio>
#include <cstdlib>

#include <simdjson.h>

int main(int argc, char **argv)
{
    if (argc < 2)
        return 64;
    double seconds = argc > 2 ? std::strtod(argv[2], nullptr) : 1, best = 1e9;
    simdjson::padded_string text;
    simdjson::dom::parser parser;
    if (simdjson::padded_string::load(argv[1]).get(text))
        return 1;
    for (int round = 0; round < 10; round++) {
        auto start = std::chrono::steady_clock::now();
        double us = 0;
        unsigned n = 0;
        while (us < seconds * 1e6 / 10) {
            for (int i = 0; i < 1000; i++, n++) {
                simdjson::dom::element root;
                if (parser.parse(text).get(root))
                    return 1;
            }
            us = std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start).count();
        }
        best = us / n < best ? us / n : best;
    }
    std::printf("{\"bytes\":%zu,\"parse_us\":%.3f}\n", text.size(), best);
    return 0;
}

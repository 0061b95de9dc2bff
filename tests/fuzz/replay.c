/* Stands in for libFuzzer: feeds each file of a folder to the parser, then its prefixes, which are
 * what a torn write or a cut connection leaves. Each input lies in memory of exactly its size, so
 * that ASan sees a read past its end. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INPUT_BYTES_MAX (1 << 20)
#define PREFIXES_MAX 256

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void feed(const uint8_t *data, size_t n)
{
    uint8_t *exact = malloc(n ? n : 1);
    if (!exact)
        abort();
    memcpy(exact, data, n);
    LLVMFuzzerTestOneInput(exact, n);
    free(exact);
}

static int replay(const char *path)
{
    static uint8_t data[INPUT_BYTES_MAX];
    FILE *in = fopen(path, "rb");
    if (!in) {
        perror(path);
        return 1;
    }
    size_t n = fread(data, 1, sizeof data, in);
    fclose(in);
    feed(data, n);
    size_t step = n / PREFIXES_MAX + 1;
    for (size_t prefix = 0; prefix < n; prefix += step)
        feed(data, prefix);
    return 0;
}

int main(int argc, char **argv)
{
    DIR *dir = argc == 2 ? opendir(argv[1]) : NULL;
    int failed = 0, count = 0;
    struct dirent *item;
    if (!dir) {
        fprintf(stderr, "no corpus: %s\n", argc == 2 ? argv[1] : "usage: fuzz_X FOLDER");
        return 1;
    }
    while ((item = readdir(dir))) {
        char path[4096];
        if (item->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "%s/%s", argv[1], item->d_name);
        failed |= replay(path);
        count++;
    }
    closedir(dir);
    printf("replayed %d inputs and their prefixes\n", count);
    return failed || count == 0;
}

// peer_ajv ORDER.json ORDER.schema.json [SECONDS]: ajv in Node, compiled and warmed up, on the same order.
const fs = require("fs");
const Ajv = require("ajv");

const [order, schema] = process.argv.slice(2, 4).map((path) => JSON.parse(fs.readFileSync(path)));
const seconds = Number(process.argv[4] || 2);
const validate = new Ajv({ strict: false }).compile(schema);
let best = 1e9;
for (let round = 0; round < 10; round++) {
    const start = process.hrtime.bigint();
    let n = 0, us = 0;
    do {
        for (let i = 0; i < 1000; i++) if (!validate(order)) throw new Error("the order is valid");
        n += 1000;
        us = Number(process.hrtime.bigint() - start) / 1e3;
    } while (us < (seconds * 1e6) / 10);
    best = Math.min(best, us / n);
}
console.log(JSON.stringify({ validate_us: best, version: require("ajv/package.json").version }));

// The JavaScript reference beside ours.  node reference.js FOLDER mapping ORDER SECONDS
//                                        node reference.js FOLDER cases SUITE SECONDS
//                                        node reference.js FOLDER answer < lines of {"expr", "data"}
// FOLDER holds node_modules with the npm package jsonata. Prints one line of JSON, or an answer a line.
'use strict';
const fs = require('fs');
const path = require('path');
const readline = require('readline');
const [folder, mode, file, seconds] = process.argv.slice(2);
const jsonata = require(path.join(path.resolve(folder), 'node_modules', 'jsonata'));
const now = () => Number(process.hrtime.bigint()) / 1e3;
const MAPPING = "{ 'id': order_id, 'lines': items.{ 'sku': sku, 'qty': qty }, 'total': $sum(items.(qty * price)) }";

async function best(what, total_us) {
    let least = Infinity;
    for (let round = 0; round < 10; round++) {
        const start = now();
        let n = 0;
        for (; now() < start + total_us / 10; n += 200)
            for (let i = 0; i < 200; i++) await what();
        least = Math.min(least, (now() - start) / n);
    }
    return least;
}

async function mapping() {
    const text = fs.readFileSync(file, 'utf8');
    const e = jsonata(MAPPING);
    const once = async () => JSON.stringify(await e.evaluate(JSON.parse(text)));
    for (let i = 0; i < 20000; i++) await once(); // warmed up
    console.log(JSON.stringify({ us: await best(once, Number(seconds) * 1e6) }));
}

// All cases that yield a result; each is compiled once.
async function cases() {
    const runs = [];
    for (const line of fs.readFileSync(path.join(file, 'cases.jsonl'), 'utf8').split('\n')) {
        if (!line) continue;
        const c = JSON.parse(line);
        if (c.code || c.error || c.timelimit) continue;
        const data = c.dataset ? JSON.parse(fs.readFileSync(path.join(file, 'datasets', c.dataset + '.json'))) : c.data;
        try {
            const e = jsonata(c.expr);
            await e.evaluate(data, c.bindings);
            runs.push([e, data, c.bindings]);
        } catch { /* what fails here is not timed there */ }
    }
    const all = async () => { for (const [e, data, bindings] of runs) await e.evaluate(data, bindings); };
    await all();
    await all();
    let least = Infinity;
    for (const until = now() + Number(seconds) * 1e6; now() < until;) {
        const start = now();
        await all();
        least = Math.min(least, now() - start);
    }
    console.log(JSON.stringify({ cases: runs.length, per_second: Math.round(runs.length / least * 1e6) }));
}

function deadline(ms) {
    return new Promise((_, reject) => setTimeout(() => reject({ code: 'TIME' }), ms).unref());
}

async function answer() {
    for await (const line of readline.createInterface({ input: process.stdin })) {
        const { expr, data } = JSON.parse(line);
        let out;
        try {
            const v = await Promise.race([jsonata(expr).evaluate(data), deadline(2000)]);
            out = v === undefined ? { undefined: true }
                : { result: JSON.parse(JSON.stringify(v, (k, x) => typeof x === 'function' || (x && x._jsonata_lambda) ? '' : x)) };
        } catch (e) {
            out = { error: (e && e.code) || String(e) };
        }
        console.log(JSON.stringify(out));
    }
}

({ mapping, cases, answer })[mode]();

"""peer_fastjsonschema ORDER.json ORDER.schema.json [SECONDS]: Python's fastjsonschema, compiled, on the same order."""
import json
import sys
import time

import fastjsonschema

order, schema = (json.load(open(path)) for path in sys.argv[1:3])
seconds = float(sys.argv[3]) if len(sys.argv) > 3 else 2
validate = fastjsonschema.compile(schema)
best = 1e9
for _ in range(10):
    start, n = time.perf_counter(), 0
    while time.perf_counter() - start < seconds / 10:
        for _ in range(100):
            validate(order)
        n += 100
    best = min(best, (time.perf_counter() - start) * 1e6 / n)
print(json.dumps({"validate_us": best, "version": fastjsonschema.VERSION}))

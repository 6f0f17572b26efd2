"""Storms for the program that is given away. Its path and the storm are the arguments; the last line says how it went."""

import pathlib
import sys
import threading

path, storm = sys.argv[1:]
# All but the calls that it makes by itself.
source = pathlib.Path(path).read_text().partition("\nPAYMENT = ")[0]
program = {}
exec(compile(source, path, "exec"), program)
tokens, call = program["tokens"], program["call"]
THREADS = 50


def outcomes(threads=THREADS):
    """Lets so many threads call at once; what each got."""
    barrier, got = threading.Barrier(threads), []

    def run():
        barrier.wait()
        try:
            got.append(call("GET", "/api/v1/payment-requests")["by"])
        except Exception as error:
            got.append(f"failed: {str(error).partition(';')[0]}")

    running = [threading.Thread(target=run) for _ in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    return sorted(set(got)), len(got)


if storm != "cold":
    tokens.token()
if storm == "away":
    tokens.renew_at = 0.0
    print(*outcomes())
    print(*outcomes())
    tokens.ends_at = 0.0
print(*outcomes())

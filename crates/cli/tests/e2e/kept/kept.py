"""Makes requests on connections that are kept, several at a time, and prints those that were not answered as expected.

    kept.py URL REQUESTS COUNT

A line of the file REQUESTS is one request: the status that it gets, method, path, the length of the body (or the body,
behind an @), and headers as name=value, where + stands for a space. Whoever loses one says so, and goes on.
"""

import collections
import http.client
import ssl
import sys
import threading
from urllib.parse import urlsplit

THREADS = 5
url = urlsplit(sys.argv[1])
requests = []
for line in open(sys.argv[2]):
    status, method, path, body, *headers = line.split()
    body = body[1:] if body.startswith("@") else "x" * int(body)
    headers = dict(header.replace("+", " ").split("=", 1) for header in headers)
    requests.append((int(status), method, path, body or None, headers))
context = ssl._create_unverified_context()
lost = collections.Counter()


def connect():
    if url.scheme == "https":
        return http.client.HTTPSConnection(url.hostname, url.port, timeout=60, context=context)
    return http.client.HTTPConnection(url.hostname, url.port, timeout=60)


def call(first):
    connection = connect()
    for n in range(int(sys.argv[3]) // THREADS):
        expected, method, path, body, headers = requests[(first + n) % len(requests)]
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            answer.read()
            seen = answer.status
        except (http.client.HTTPException, OSError) as error:
            seen = repr(error)
            connection.close()
        if seen != expected:
            lost[f"{method} {path} {len(body or '')}: {seen}, not {expected}"] += 1


threads = [threading.Thread(target=call, args=(first,)) for first in range(THREADS)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
for what, times in sorted(lost.items()):
    print(times, what)

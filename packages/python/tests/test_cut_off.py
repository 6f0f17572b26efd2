import asyncio
import socket
import threading
import unittest
from unittest import mock

import tollgate_client
from tollgate_client import Tollgate, Unavailable

NOTHING = b""
STATUS = b"HTTP/1.1 200 OK\r\n"
FIELD = STATUS + b"X-Padding: "
CHUNKS = STATUS + b"Transfer-Encoding: chunked\r\n\r\n1\r\n"
HANDSHAKE = b"\x16\x03\x03\x40\x00\x02"


class Dripping:
    """An authority that begins an answer, and then sends a byte now and then, for as long as its caller is there."""

    def __init__(self, begun):
        self.begun, self.ended = begun, threading.Event()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.listener.getsockname()[1]
        threading.Thread(target=self.drip, daemon=True).start()

    def drip(self):
        with self.listener, self.listener.accept()[0] as connection:
            connection.sendall(self.begun)
            connection.settimeout(0.02)
            while True:
                try:
                    if not connection.recv(65536):
                        break
                except socket.timeout:
                    connection.sendall(b"1")
                except OSError:
                    break
        self.ended.set()


class CutOff(unittest.TestCase):
    def test_wherever_an_answer_drips_the_call_is_over_in_time_and_its_connection_ended(self):
        for scheme, begun in ("http", NOTHING), ("http", STATUS), ("http", FIELD), ("http", CHUNKS), ("https", HANDSHAKE):
            with self.subTest(scheme=scheme, begun=begun), mock.patch.object(tollgate_client, "TIMEOUT", 0.2):
                authority = Dripping(begun)
                with self.assertRaisesRegex(Unavailable, "took longer than"):
                    tollgate_client._post(f"{scheme}://{authority.address}/oauth2/token", {}, b"{}")
                self.assertTrue(authority.ended.wait(10), "it is still read")

    def test_who_waits_longer_than_an_attempt_may_take_is_told_that_one_is_under_way(self):
        asked, answer = threading.Event(), threading.Event()

        def credentials():
            asked.set()
            answer.wait(60)
            return "i", "s"

        with mock.patch.multiple(tollgate_client, WAIT=0.01, TIMEOUT=0.01):
            kit = Tollgate("http://127.0.0.1:1", credentials=credentials)
            for token in kit.token, lambda: asyncio.run(kit.token_async()):
                with self.assertRaisesRegex(Unavailable, "an attempt is still under way"):
                    token()
        self.assertTrue(asked.wait(10))
        answer.set()


if __name__ == "__main__":
    unittest.main()

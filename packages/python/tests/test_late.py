import threading
import unittest

from tollgate_client import Tollgate, _Held, _Moment


class Clock:
    """Says when it has been looked at."""

    def __init__(self):
        self.looked = threading.Event()

    def monotonic(self):
        return 1000.0

    def time(self):
        self.looked.set()
        return 1000.0


class LateCaller(unittest.TestCase):
    def test_a_caller_that_comes_too_late_to_renew_takes_the_token_that_came(self):
        clock, found = Clock(), []
        kit = Tollgate("https://a.example", "i", "s", clock=clock)
        kit._held = _Held("old", 0, _Moment(0, 0), _Moment(0, 0), 900)  # It is over.
        with kit._lock:
            caller = threading.Thread(target=lambda: found.append(kit.token()))
            caller.start()
            clock.looked.wait(10)  # It has seen that, and waits for the lock or is about to.
            later = _Moment(2000, 2000)
            kit._held = _Held("new", 1000, later, later, 900)
        caller.join()
        self.assertEqual(found, ["new"])
        self.assertIsNone(kit._flight, "it renews what is new")


if __name__ == "__main__":
    unittest.main()

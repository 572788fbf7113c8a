"""Who waits learns that it is for nothing, in the thread that was told so and nowhere else."""

import threading

from stepwave.dialogue.waiting import given_up, given_up_when


def test_it_holds_inside_and_asks_each_time() -> None:
    answers = [False]
    assert not given_up()
    with given_up_when(lambda: answers[0]):
        assert not given_up()
        answers[0] = True
        assert given_up()
        with given_up_when(lambda: False):
            assert not given_up()
        assert given_up()
        elsewhere: list[bool] = []
        thread = threading.Thread(target=lambda: elsewhere.append(given_up()))
        thread.start()
        thread.join()
        assert elsewhere == [False]
    assert not given_up()

"""The dose-response measurement: what is there is measured once, what is missing is said."""

import json

from course_lib.authoring import dose
from course_lib.storage.files import RESULTS
from course_lib.testbeds import picturebook
from course_lib.testbeds.weights import load_card, load_model, save_model


def test_networks_that_are_there_are_measured_once_and_the_others_named(tmp_path, monkeypatch, capsys):
    weights = tmp_path / "weights"
    monkeypatch.setattr(dose, "FILE", tmp_path / "dose.json")
    monkeypatch.setattr(dose, "BEDS", ("picturebook",))
    for name, source in {"picturebook-radius-2.5-seed-0": "picturebook-live", "other": "picturebook-live"}.items():
        card = load_card(source)
        save_model(load_model(source), name, card, folder=weights)
    dose.dose(["--count", "20", "--weights", str(weights)])
    (row,) = json.loads(dose.FILE.read_text())["picturebook"].items()
    assert row[0] == "picturebook-radius-2.5-seed-0"
    assert row[1]["radius"] == picturebook.LIVE.radius
    assert row[1]["clean"] == load_card("picturebook-live")["clean"]
    low, high = row[1]["judged"][1:]
    assert 0.3 < low < row[1]["judged"][0] < high
    assert "missing: picturebook-radius-0-seed-0, " in capsys.readouterr().out
    monkeypatch.setattr(dose, "generated", None)  # nothing is measured twice
    dose.dose(["--weights", str(weights)])


def test_a_network_without_robust_training_draws_nothing(monkeypatch):
    testbed = picturebook.load()
    share = dose.generated(testbed, load_model("picturebook-standard-live"), count=20)
    assert share[0] <= 0.2


def test_what_ships_is_of_the_networks_of_the_dial():
    measured = json.loads((RESULTS / "dose.json").read_text())
    for networks in measured.values():
        assert all({"radius", "clean", "robust", "judged"} <= set(one) for one in networks.values())
    photographs = sorted(measured["imagenette"].values(), key=lambda one: one["radius"])
    assert photographs[0]["clean"][0] > photographs[-1]["clean"][0]
    assert photographs[0]["robust"][0] < photographs[-1]["robust"][0] - 0.3
    assert photographs[0]["judged"][0] < 0.2 < 0.6 < photographs[-1]["judged"][0]

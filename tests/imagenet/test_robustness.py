"""The `robustness` package: its checkpoints load strictly and never run, and its attacks are ours.

The checkpoints are real: the package's own `train_model` writes them, after one epoch on four random pictures.
"""

import copy
import functools
import os
import pickle
import re
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dill
import pytest
import torch
import torch.nn.functional as F
import torchvision
from torch import Tensor, nn

from course_lib.constraints import L2Ball, LinfBall
from course_lib.imagenet import checkpoints
from course_lib.imagenet.checkpoints import (
    CIFAR,
    IMAGENET,
    Normaliser,
    check_normaliser,
    load_checkpoint,
)
from course_lib.imagenet.robustness import (
    ARCHITECTURES,
    ForeignClassifier,
    NoDraws,
    as_attacker,
    build,
    import_robustness,
)
from course_lib.models import Classifier, residual_network
from course_lib.pgd import Problem, solve
from course_lib.prepared import prepare
from course_lib.tasks import attack, paint
from tests.tools import tiny

DATA = {"cifar": CIFAR["CIFAR-10"], "imagenet": IMAGENET["ImageNet"]}
LOOP = {"adv_train": 1, "adv_eval": 1, "epochs": 1, "log_iters": 1, "save_ckpt_iters": -1, "mixed_precision": False}
STEP = {"lr": 0.01, "momentum": 0.9, "weight_decay": 5e-4, "custom_lr_multiplier": "cyclic"}
INNER = {"attack_steps": 1, "attack_lr": 0.1, "eps": 0.5, "constraint": "2", "use_best": 0, "random_restarts": 0}
SETTINGS: dict[str, Any] = LOOP | STEP | INNER | {"random_start": 0, "custom_eps_multiplier": None}


@pytest.fixture(scope="module")
def _no_gpu() -> Iterator[None]:
    """The package moves models and labels to a GPU without asking; here `cuda()` leaves them where they are."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.cuda, "is_available", lambda: False)
        patch.setattr(Tensor, "cuda", lambda self, *_, **__: self)
        patch.setattr(nn.Module, "cuda", lambda self, *_, **__: self)
        yield


def raw_attacker(network: nn.Module, data: str) -> nn.Module:
    """The package's model as the package makes it."""
    mean, std = (torch.tensor(values) for values in DATA[data])
    return import_robustness().AttackerModel(network, SimpleNamespace(mean=mean, std=std))


def trained(attacker: nn.Module, folder: Path, *, size: int = 32) -> Path:
    """A checkpoint that the package's training loop has written."""
    generator = torch.Generator().manual_seed(0)
    batches = [(torch.rand(4, 3, size, size, generator=generator), torch.arange(4))]
    package = import_robustness("robustness.train")
    package.train_model(SimpleNamespace(**SETTINGS, out_dir=str(folder)), attacker, (batches, batches))
    return folder / "checkpoint.pt.latest"


@pytest.fixture(scope="module")
def resnets(_no_gpu: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Path]]:
    """Checkpoints of the package's two kinds of ResNet-18, 90 MB each."""
    folder = tmp_path_factory.mktemp("resnets")
    paths = {}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        for data in DATA:
            network = import_robustness(f"robustness.{data}_models").resnet18(num_classes=10)
            path = trained(raw_attacker(network, data), folder)
            paths[data] = path.replace(folder / f"{data}.pt")
            for other in folder.glob("*checkpoint*"):
                other.unlink()
    yield paths
    for path in paths.values():
        path.unlink()


@pytest.fixture(scope="module")
def small(_no_gpu: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of one of our networks, in the package's hands for an epoch: small enough for many variants."""
    attacker = as_attacker(ours().train())
    return trained(attacker, tmp_path_factory.mktemp("small"), size=tiny.SIZE)


def write(model: Classifier, path: Path) -> None:
    """A classifier as a checkpoint in the package's format."""
    state = {f"module.{key}": value for key, value in as_attacker(model).state_dict().items()}
    torch.save({"model": state, "optimizer": None, "schedule": None, "epoch": 0, "amp": None}, path)


def ours(seed: int = 0) -> Classifier:
    return tiny.network(seed=seed).float()


def pictures(size: int = 32) -> Tensor:
    """Some pixels are exactly 0 or 1."""
    return (1.4 * torch.rand(3, 3, size, size, generator=torch.Generator().manual_seed(7)) - 0.2).clamp(0, 1)


def trusted(path: Path) -> dict[str, Any]:
    """A checkpoint that we have written ourselves, as the package reads it."""
    return torch.load(path, weights_only=False)


def raw_copy(path: Path, data: str) -> nn.Module:
    """What the package itself reads from a checkpoint."""
    network = import_robustness(f"robustness.{data}_models").resnet18(num_classes=10)
    attacker = raw_attacker(network, data)
    attacker.load_state_dict({key.removeprefix("module."): value for key, value in trusted(path)["model"].items()})
    return attacker.eval()


def test_the_real_format_holds_more_than_tensors(resnets, small):
    for path in (*resnets.values(), small):
        names = torch.serialization.get_unsafe_globals_in_checkpoint(path)
        assert any("multiarray.scalar" in name for name in names), "then the allow-list can go"
        assert {"model", "optimizer", "schedule", "epoch", "adv_prec1"} <= trusted(path).keys()


@pytest.mark.parametrize(("data", "name"), [("cifar", "cifar_resnet18"), ("imagenet", "resnet18")])
def test_a_checkpoint_loads_to_the_last_bit(data, name, resnets):
    model, raw = load_checkpoint(resnets[data]), raw_copy(resnets[data], data)
    images = pictures()
    logits, latent = raw(images, with_latent=True, with_image=False)
    assert torch.equal(model(images), logits)
    assert torch.equal(model.features(images), latent)
    assert torch.equal(model.head(latent), logits)
    assert not model.training
    assert torch.equal(load_checkpoint(resnets[data], architecture=name)(images), logits)


def test_an_imagenet_checkpoint_is_torchvisions_network(resnets):
    network = torchvision.models.resnet18(weights=None, num_classes=10).eval()
    state = trusted(resnets["imagenet"])["model"].items()
    prefix = "module.model."
    network.load_state_dict({key.removeprefix(prefix): value for key, value in state if key.startswith(prefix)})
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in DATA["imagenet"])
    images = pictures()
    torch.testing.assert_close(load_checkpoint(resnets["imagenet"])(images), network((images - mean) / std))


@pytest.mark.parametrize("data", DATA)
def test_a_loaded_model_does_what_ours_do(data, resnets):
    model, images = load_checkpoint(resnets[data]), pictures(size=32)
    torch.testing.assert_close(prepare(model, device="cpu")(images), model(images))
    mask = torch.ones(1, 1, 32, 32)
    painted = paint(model, images, mask, unit=511, ball=L2Ball(5.0), steps=2)
    assert (painted.objective(solve(painted)) < painted.objective(images)).all()
    with pytest.raises(ValueError, match="expected labels between 0 and 9, got"):
        attack(model, images, torch.tensor([0, 1, 10]), ball=L2Ball(1.0))


def test_straight_through_is_the_fake_relu(resnets):
    model, raw = load_checkpoint(resnets["cifar"]), raw_copy(resnets["cifar"], "cifar")
    gradients = []
    for features in (
        partial(model.features, straight_through=True),
        lambda x: raw(x, with_latent=True, fake_relu=True, with_image=False)[1],
        model.features,
    ):
        images = (0.8 * pictures() + 0.1).requires_grad_()
        gradients += torch.autograd.grad(features(images).sum(), images)
    assert torch.equal(gradients[0], gradients[1])
    assert not torch.equal(gradients[0], gradients[2])


@pytest.mark.usefixtures("_no_gpu")
def test_what_we_write_the_package_reads(resnets, tmp_path):
    make = import_robustness("robustness.model_utils").make_and_restore_model
    data = import_robustness("robustness.datasets").CIFAR("nowhere")
    model, path = load_checkpoint(resnets["cifar"]), tmp_path / "written.pt"
    write(model, path)
    attacker, checkpoint = make(arch="resnet18", dataset=data, resume_path=str(path))
    images = pictures()
    assert torch.equal(attacker.eval()(images, with_image=False), model(images))
    assert checkpoint["model"].keys() == trusted(resnets["cifar"])["model"].keys()
    assert torch.equal(load_checkpoint(path)(images), model(images))
    path.unlink()


@pytest.mark.usefixtures("_no_gpu")
def test_our_network_goes_out_and_comes_back(tmp_path):
    make = import_robustness("robustness.model_utils").make_and_restore_model
    model, images, path = ours(), pictures(tiny.SIZE), tmp_path / "ours.pt"
    write(model, path)
    data = SimpleNamespace(mean=torch.full((3,), 0.5), std=torch.full((3,), 0.25))
    attacker, _ = make(arch=as_attacker(ours(seed=1)).model, dataset=data, resume_path=str(path))
    assert torch.equal(attacker.eval()(images, with_image=False), model(images))
    assert torch.equal(load_checkpoint(path, architecture=ours(seed=1))(images), model(images))


def test_our_network_trained_by_the_package(small):
    given = ours(seed=1)
    before = copy.deepcopy(given.state_dict())
    model = load_checkpoint(small, architecture=given)
    assert all(torch.equal(value, before[key]) for key, value in given.state_dict().items()), "it is a pattern only"
    state = trusted(small)["model"]
    assert torch.equal(model.head.weight, state["module.model.head.weight"])
    assert not torch.equal(model.head.weight, ours().head.weight)
    assert not model.training


def test_the_older_name_of_the_weights(small, tmp_path):
    checkpoint = trusted(small)
    torch.save({"state_dict": checkpoint.pop("model"), "epoch": 3}, tmp_path / "old.pt")
    images = pictures(tiny.SIZE)
    models = [load_checkpoint(path, architecture=ours()) for path in (small, tmp_path / "old.pt")]
    assert torch.equal(models[0](images), models[1](images))


def drop(key: str) -> Callable[[dict[str, Tensor]], None]:
    def change(state: dict[str, Tensor]) -> None:
        del state[key]

    return change


def put(*keys: str, value: Any) -> Callable[[dict[str, Any]], None]:
    return lambda state: state.update(dict.fromkeys(keys, value))


BOTH = ("module.model.", "module.attacker.model.")
WRONG: dict[str, tuple[Callable[[dict[str, Any]], None], str]] = {
    "missing": (
        lambda state: [state.pop(f"{start}head.bias") for start in BOTH],
        r"expected the weights of the given network, got others: head\.bias is missing",
    ),
    "extra": (
        put(*(f"{start}head.more" for start in BOTH), value=torch.zeros(1)),
        r"expected the weights of the given network, got others: head\.more is unknown",
    ),
    "shape": (
        put(*(f"{start}head.bias" for start in BOTH), value=torch.zeros(6)),
        r"expected the weights of the given network, got others: head\.bias is \(6,\), not \(5,\)",
    ),
    "copies": (
        put("module.attacker.model.head.bias", value=torch.zeros(5)),
        "in model and attacker.model, got two that differ",
    ),
    "no copy": (drop("module.attacker.model.head.bias"), "attacker.model, got two that differ"),
    "prefix": (
        put("module.network.x", value=torch.zeros(1)),
        r"expected tensors called model\.…, .* got a tensor called network\.x",
    ),
    "integers": (
        put(*(f"{start}head.bias" for start in BOTH), value=torch.zeros(5).char()),
        r"expected the weights of the given network, got others: head\.bias is \(5,\) of torch\.int8, not \(5,\)",
    ),
    "not a tensor": (put("module.model.head.bias", value=[1.0]), r"got a list called model\.head\.bias"),
    "normaliser copies": (
        put("module.normalizer.new_mean", value=torch.zeros(3, 1, 1)),
        r"expected the same numbers in normalizer and attacker\.normalize",
    ),
    "normaliser": (
        put("module.normalizer.new_mean", "module.attacker.normalize.new_mean", value=torch.zeros(3, 1, 1)),
        r"expected the normaliser of the given network, got mean \(0\.0, 0\.0, 0\.0\) and std \(0\.25, 0\.25, 0\.25\)",
    ),
    "normaliser's shape": (
        put("module.normalizer.new_std", "module.attacker.normalize.new_std", value=torch.ones(3)),
        r"expected new_mean and new_std \(3, 1, 1\) in normalizer",
    ),
    "no normaliser": (
        lambda state: [state.pop(key) for key in list(state) if "normalize" in key],
        r"expected new_mean and new_std .*, got a dictionary with nothing",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_checkpoint_is_refused_in_one_sentence(name, small, tmp_path):
    change, sentence = WRONG[name]
    checkpoint = trusted(small)
    change(checkpoint["model"])
    torch.save(checkpoint, tmp_path / "wrong.pt")
    with pytest.raises(ValueError, match=sentence) as caught:
        load_checkpoint(tmp_path / "wrong.pt", architecture=ours())
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [{"weights": 1}, {"model": [1]}, [torch.zeros(1)], torch.zeros(1)])
def test_other_contents_are_named(content, tmp_path):
    torch.save(content, tmp_path / "other.pt")
    with pytest.raises(ValueError, match=r"^expected a dictionary with `model` in other\.pt, got a "):
        load_checkpoint(tmp_path / "other.pt")


def test_a_truncated_file_is_refused(small, tmp_path):
    data, path = small.read_bytes(), tmp_path / "cut.pt"
    legacy = tmp_path / "legacy.pt"
    torch.save(trusted(small), legacy, _use_new_zipfile_serialization=False)
    load_checkpoint(legacy, architecture=ours())
    old = legacy.read_bytes()
    page = b"<!DOCTYPE html><p>You have to sign in to see this file"
    for content in (b"", data[:1], data[: len(data) // 2], data[:-1], old[: len(old) // 2], old[:-1], old[:50], page):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"^expected a checkpoint of tensors .* in cut\.pt, got something"):
            load_checkpoint(path)
    with pytest.raises(FileNotFoundError, match=r"nowhere\.pt"):
        load_checkpoint(tmp_path / "nowhere.pt")


Change = Callable[[dict[str, Tensor]], Any]


def in_precision(dtype: torch.dtype) -> Change:
    return lambda state: {key: value.to(dtype) if value.is_floating_point() else value for key, value in state.items()}


VARIANTS: dict[str, Change] = {
    "without module": lambda state: {key.removeprefix("module."): value for key, value in state.items()},
    "twice parallel": lambda state: {f"module.{key}": value for key, value in state.items()},
    "without the attacker's copy": lambda state: {key: value for key, value in state.items() if "attack" not in key},
    **{str(dtype): in_precision(dtype) for dtype in (torch.float16, torch.bfloat16, torch.float64)},
}


@pytest.mark.parametrize("bare", [False, True], ids=["model", "the state alone"])
@pytest.mark.parametrize("name", VARIANTS)
def test_a_checkpoint_that_went_through_other_hands_loads(name, bare, small, tmp_path):
    """In float32, whatever it was stored in, and whatever is the default; it answers as before."""
    state, images = VARIANTS[name](trusted(small)["model"]), pictures(tiny.SIZE)
    torch.save(state if bare else {"model": state}, tmp_path / "other.pt")
    model = load_checkpoint(tmp_path / "other.pt", architecture=ours(seed=1).double() if bare else ours(seed=1))
    assert {value.dtype for value in model.state_dict().values()} == {torch.float32, torch.int64}
    expected = load_checkpoint(small, architecture=ours())(images)
    share = 0.05 if "float16" in name else 1e-5
    torch.testing.assert_close(model(images), expected, rtol=0, atol=share * expected.abs().max().item())
    assert not solve(attack(model, images, torch.tensor([0, 1, 2]), ball=L2Ball(1.0), steps=1)).isnan().any()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_a_normaliser_in_half_or_double_is_known(dtype):
    """Only rounded as the file is: another data set's is refused as ever."""
    stored = tuple(torch.tensor(values, dtype=torch.float64).view(3, 1, 1).to(dtype) for values in DATA["cifar"])
    check_normaliser(stored, CIFAR)
    with pytest.raises(ValueError, match=r"^expected the normaliser of ImageNet or .*, got mean \(0\.49"):
        check_normaliser(stored, IMAGENET)


def test_a_network_that_we_do_not_read_is_refused_by_what_we_read(monkeypatch):
    monkeypatch.setattr(checkpoints, "build", functools.cache(build))
    for name in ("vgg11", "densenet121", "mobilenet_v2", "shufflenet_v2_x0_5"):
        with torch.device("meta"), NoDraws():
            tensors = getattr(torchvision.models, name)(weights=None, num_classes=10).state_dict()
        got = re.escape(", ".join(list(tensors)[:3]))
        names = ", ".join(ARCHITECTURES)
        with pytest.raises(ValueError, match=rf"^expected the weights of one of {names}, got tensors called {got}…$"):
            checkpoints.recognise(tensors, None)


def test_another_architecture_is_refused(resnets, small):
    message = r"expected the weights of {}, got others: \S+ is missing, .* and \d+ more"
    for name in ("resnet18", "cifar_resnet50"):
        with pytest.raises(ValueError, match=message.format(name)):
            load_checkpoint(resnets["cifar"], architecture=name)
    with pytest.raises(ValueError, match=r"expected the weights of one of cifar_resnet18, .*, got tensors called body"):
        load_checkpoint(small)
    with pytest.raises(ValueError, match=r"expected an architecture among cifar_resnet18, .*, got 'vgg99'"):
        load_checkpoint(small, architecture="vgg99")


def test_the_nearest_architecture_says_what_is_missing(resnets, tmp_path):
    checkpoint = trusted(resnets["imagenet"])
    for start in BOTH:
        del checkpoint["model"][f"{start}layer4.1.bn2.weight"]
    torch.save({"model": checkpoint["model"]}, tmp_path / "missing.pt")
    sentence = r"^expected the weights of resnet18, got others: layer4\.1\.bn2\.weight is missing$"
    with pytest.raises(ValueError, match=sentence):
        load_checkpoint(tmp_path / "missing.pt")
    (tmp_path / "missing.pt").unlink()


def test_the_normaliser_of_other_data_has_to_be_stated(resnets, tmp_path):
    checkpoint, (mean, std) = trusted(resnets["cifar"]), DATA["imagenet"]
    for name in ("normalizer", "attacker.normalize"):
        checkpoint["model"][f"module.{name}.new_mean"] = torch.tensor(mean).view(3, 1, 1)
        checkpoint["model"][f"module.{name}.new_std"] = torch.tensor(std).view(3, 1, 1)
    path = tmp_path / "other.pt"
    torch.save({"model": checkpoint["model"]}, path)
    with pytest.raises(ValueError, match=r"^expected the normaliser of CIFAR-10, got mean .* state it: ") as caught:
        load_checkpoint(path)
    cure: Normaliser = eval(str(caught.value).partition("normaliser=")[2])
    assert cure == (mean, std)
    assert torch.equal(load_checkpoint(path, normaliser=cure).std.flatten(), torch.tensor(std))
    with pytest.raises(ValueError, match="expected the normaliser of your statement, got mean"):
        load_checkpoint(path, normaliser=DATA["cifar"])
    path.unlink()


class Hostile:
    """Unpickling it calls a function."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return self.call


HOSTILE: dict[str, Callable[[Path], Any]] = {
    "posix.system": lambda marker: Hostile(os.system, f"touch '{marker}'"),
    "posix.mkdir": lambda marker: Hostile(os.mkdir, str(marker)),
    "eval": lambda marker: Hostile(eval, f"__import__('os').mkdir({str(marker)!r})"),
    "exec": lambda marker: Hostile(exec, f"__import__('os').mkdir({str(marker)!r})"),
    "dill._dill._import_module": lambda _: Hostile(dill._dill._import_module, "os"),
}
PLACES: dict[str, Callable[[dict[str, Any], Any], Any]] = {
    "alone": lambda checkpoint, hostile: hostile,
    "beside the weights": lambda checkpoint, hostile: checkpoint | {"args": hostile},
    "as a weight": lambda checkpoint, hostile: {"model": checkpoint["model"] | {"module.model.head.bias": hostile}},
    "as a name": lambda checkpoint, hostile: {"model": {(1, hostile): torch.zeros(1)}},
}


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_pickle_is_refused_and_never_run(name, place, zipped, small, tmp_path):
    marker, path = tmp_path / "it_ran", tmp_path / "hostile.pt"
    content = PLACES[place](trusted(small), HOSTILE[name](marker))
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    sentence = rf"^expected a checkpoint of tensors and numbers in hostile\.pt, got {name}, which was not run$"
    with pytest.raises(ValueError, match=sentence):
        load_checkpoint(path, architecture=ours())
    assert not marker.exists()
    if name != "dill._dill._import_module":
        torch.load(path, weights_only=False)
        assert marker.exists(), "the file was harmless, so this test showed nothing"


def test_a_plain_hostile_pickle_is_never_run(tmp_path):
    marker, path = tmp_path / "it_ran", tmp_path / "hostile.pkl"
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        path.write_bytes(pickle.dumps(HOSTILE["posix.mkdir"](marker), protocol=protocol))
        with pytest.raises(ValueError, match=r"^expected a checkpoint of tensors and numbers in hostile\.pkl, got "):
            load_checkpoint(path)
        assert not marker.exists()


def test_functions_in_a_checkpoint_become_stand_ins(small, tmp_path):
    """The package stores with dill, which takes functions along, and older dills gave their globals other names."""
    checkpoint = trusted(small) | {"schedule": {"lr_lambdas": [learning_rate()]}}
    path, renamed = tmp_path / "functions.pt", tmp_path / "renamed.pt"
    torch.save(checkpoint, path, pickle_module=dill)
    written = b"crobustness.train\n__dict__\n"
    images = pictures(tiny.SIZE)
    expected = load_checkpoint(small, architecture=ours())(images)
    for name in (written, b"c__main__\n__dict__\n", b"c__builtin__\n__main__\n"):
        rename(path, renamed, written, name)
        assert torch.equal(load_checkpoint(renamed, architecture=ours())(images), expected)
    rename(path, renamed, written, b"cos\n__dict__\n")
    with pytest.raises(ValueError, match=r"got os\.__dict__, which was not run$"):
        load_checkpoint(renamed, architecture=ours())


def learning_rate() -> Callable[[int], float]:
    """A function with the globals of the package's training loop, where its schedules are made."""
    return eval("lambda epoch: 0.1", vars(import_robustness("robustness.train")))


def rename(source: Path, target: Path, old: bytes, new: bytes) -> None:
    """A copy of a checkpoint with another name in its pickle."""
    with zipfile.ZipFile(source) as before, zipfile.ZipFile(target, "w") as after:
        for entry in before.namelist():
            data = before.read(entry)
            if entry.endswith("data.pkl"):
                assert old in data
                data = data.replace(old, new)
            after.writestr(entry, data)


def test_a_stand_in_is_no_weight(small, tmp_path):
    checkpoint = trusted(small)
    checkpoint["model"]["module.model.head.bias"] = learning_rate()
    torch.save(checkpoint, tmp_path / "function.pt", pickle_module=dill)
    with pytest.raises(ValueError, match=r"got a StandIn called model\.head\.bias$"):
        load_checkpoint(tmp_path / "function.pt", architecture=ours())


ATTACKS = {"l2": {"radius": 1.5, "step_size": 0.2}, "linf": {"radius": 0.05, "step_size": 0.008}}
LABELS = torch.tensor([0, 2, 4])


def other_normaliser() -> Classifier:
    """One of our networks with a normaliser that differs from colour to colour, in double precision."""
    base = tiny.network()
    mean, std = DATA["imagenet"]
    return Classifier(base.body, base.head, mean=mean, std=std).double().eval()


def their_attack(attacker: Any, images: Tensor, norm: str, *, targeted: bool, **more: Any) -> Tensor:
    settings = {"eps": ATTACKS[norm]["radius"], "step_size": ATTACKS[norm]["step_size"], "iterations": 20} | more
    constraint = {"l2": "2", "linf": "inf"}[norm]
    keywords = {"make_adv": True, "targeted": targeted, "use_best": False, "constraint": constraint}
    return attacker(images, LABELS, **keywords, **settings)[1].detach()


def our_problem(model: Classifier, images: Tensor, norm: str, *, targeted: bool) -> Problem:
    ball = {"l2": L2Ball, "linf": LinfBall}[norm](ATTACKS[norm]["radius"])
    sign = 1 if targeted else -1

    def objective(x: Tensor) -> Tensor:
        return sign * F.cross_entropy(model(x), LABELS, reduction="none")

    return Problem(objective, images, ball, steps=20, step_size=ATTACKS[norm]["step_size"])


@pytest.mark.parametrize("targeted", [True, False], ids=["targeted", "untargeted"])
@pytest.mark.parametrize("norm", ATTACKS)
@pytest.mark.parametrize("model", [tiny.network(), other_normaliser()], ids=["ours", "other normaliser"])
def test_an_attack_by_the_package_gives_our_pictures(model, norm, targeted):
    images = pictures(tiny.SIZE).double()
    expected = their_attack(as_attacker(model), images, norm, targeted=targeted)
    problem = our_problem(model, images, norm, targeted=targeted)
    result = solve(problem)
    assert (result - expected).abs().max() < 1e-6
    assert ((result != images) & ((images == 0) | (images == 1))).any(), "no pixel has left the edge of the box"
    free = solve(replace(problem, ball=type(problem.ball)(100.0)))
    assert (free - result).abs().max() > 1e-2, "the ball never binds"


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last], ids=["rows", "channels last"])
def test_the_attack_of_the_notebook_in_single_precision(layout):
    model = prepare(tiny.network().float(), device="cpu")
    images = pictures(tiny.SIZE).to(memory_format=layout)
    ours = solve(attack(model, images, LABELS, ball=L2Ball(1.5), steps=20))
    theirs = their_attack(as_attacker(model), images, "l2", targeted=False, step_size=2.5 * 1.5 / 20)
    assert ours.dtype == theirs.dtype == torch.float32
    assert (ours - theirs).abs().max() < 1e-4


def test_an_attack_from_elsewhere_keeps_its_centre():
    model, images = tiny.network(), pictures(tiny.SIZE).double()
    start = (images + 0.01).clamp(0, 1)
    expected = their_attack(as_attacker(model), start, "l2", targeted=True, orig_input=images)
    problem = replace(our_problem(model, images, "l2", targeted=True), start=start, centre=images)
    assert (solve(problem) - expected).abs().max() < 1e-6


def test_a_published_network_under_both_attacks(resnets):
    model, images = load_checkpoint(resnets["cifar"]), pictures()
    expected = their_attack(as_attacker(model), images, "l2", targeted=True, iterations=2)
    result = solve(replace(our_problem(model, images, "l2", targeted=True), steps=2))
    assert (result - expected).abs().max() < 1e-4
    assert (result - images).abs().max() > 1e-2


def test_an_attack_leaves_the_mode_as_it_was():
    for training in (False, True):
        model = ours().train(training)
        their_attack(as_attacker(model), pictures(tiny.SIZE), "l2", targeted=True, iterations=1)
        assert {module.training for module in model.modules()} == {training}


def test_an_attacker_answers_like_the_model():
    model, images = tiny.network(), pictures(tiny.SIZE).double()
    attacker = as_attacker(model)
    (logits, latent), same_images = attacker(images, with_latent=True)
    assert torch.equal(logits, model(images))
    assert torch.equal(latent, model.features(images))
    assert torch.equal(same_images, images)
    before = attacker(images, with_latent=True, no_relu=True)[0][1]
    assert torch.equal(before, model.body((images - model.mean) / model.std).mean((2, 3)))
    gradients = []
    for features in (
        partial(model.features, straight_through=True),
        lambda x: attacker(x, with_latent=True, fake_relu=True)[0][1],
    ):
        x = images.clone().requires_grad_()
        gradients += torch.autograd.grad(features(x).sum(), x)
    assert torch.equal(*gradients)


def test_models_that_do_not_fit_are_named():
    with pytest.raises(TypeError, match="expected a Classifier, whose normalisation is known, got Linear"):
        as_attacker(nn.Linear(2, 2))
    mean, std = DATA["cifar"]
    with pytest.raises(ValueError, match="expected a network that ends in a linear layer, got Sequential"):
        ForeignClassifier(residual_network((4,), 3).body, mean=mean, std=std)
    dummy = import_robustness("robustness.model_utils").DummyModel(residual_network((4,), 3)).eval()
    with pytest.raises(TypeError, match="expected a network that obeys `with_latent`, got DummyModel"):
        ForeignClassifier(dummy, mean=mean, std=std).features(pictures())


def test_every_architecture_has_a_network_of_its_own():
    shapes = {name: {key: value.shape for key, value in build(name, 10).state_dict().items()} for name in ARCHITECTURES}
    assert all(shapes[one] != shapes[other] for one in shapes for other in shapes if one != other)
    for name in ("resnet34", "resnet50", "resnet152", "wide_resnet50_2", "resnext50_32x4d"):
        with torch.device("meta"), NoDraws():
            theirs = getattr(torchvision.models, name)(weights=None, num_classes=10).state_dict()
        assert {key: value.shape for key, value in theirs.items()} == shapes[name], name

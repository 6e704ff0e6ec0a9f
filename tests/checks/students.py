"""What students write: each coded mistake of each exercise, made by a change of the master's solution.

A mistake is a list of (old, new), in the order of `exercise.wrong`; every old part has to be there.
"""

from tests.tools.classroom import cells

Changes = list[tuple[str, str]]
PROJECT_FIRST = """
        change = images - start
        size = change.flatten(1).norm(dim=1).view(-1, 1, 1, 1)
        images = start + change * (radius / size.clamp(min=1e-12)).clamp(max=1)
        images.requires_grad_()
"""


STUDENTS: dict[str, list[Changes]] = {
    "ps1.project_l2": [
        [("delta.flatten(1).norm(dim=1)", "delta.norm().expand(len(delta))")],
        [(".clamp(max=1)", "")],
        [("delta * (radius / length).clamp(max=1).view(-1, 1, 1, 1)", "delta.clamp(-radius, radius)")],
        [("delta * (radius / length).clamp(max=1).view(-1, 1, 1, 1)", "delta")],
    ],
    "ps1.project_patch": [
        [("cut.flatten(1).norm(dim=1)", "cut.norm().expand(len(cut))")],
        [("flatten(1).norm(dim=1)", "flatten(2).norm(dim=2)"), ("view(-1, 1, 1, 1)", "view(*cut.shape[:2], 1, 1)")],
        [("size = cut", "size = delta")],
        [("delta * mask", "delta")],
        [("delta * mask", "delta * (1 - mask)")],
        [(".clamp(max=1)", "")],
        [("cut * (radius / size).clamp(max=1).view(-1, 1, 1, 1)", "cut.clamp(-radius, radius)")],
        [("cut * (radius / size).clamp(max=1).view(-1, 1, 1, 1)", "cut")],
        [
            (".clamp(min=1e-12)", ""),
            ("cut * (radius / size).clamp(max=1)", "cut / size.view(-1, 1, 1, 1) * size.clamp(max=radius)"),
        ],
    ],
    "ps1.project_box": [
        [("torch.maximum(lowest, torch.minimum(highest, delta))", "torch.minimum(highest, delta)")],
        [("torch.minimum(highest, delta)", "delta")],
        [("(1 - start).clamp(max=radius)", "radius + 0 * start"), ("(0 - start).clamp(min=-radius)", "-highest")],
        [("torch.maximum(lowest, torch.minimum(highest, delta))", "delta.clamp(-radius, radius).clamp(0, 1)")],
        [(".clamp(max=radius)", ""), (".clamp(min=-radius)", "")],
        [("return ", "return start + ")],
        [
            ("delta))", "delta * (radius / delta.abs().amax((1, 2, 3), True).clamp(min=1e-12)).clamp(max=1)))"),
        ],
    ],
    "ps1.direction_sparse": [
        [("-flat.gather", "flat.gather")],
        [("chosen).sign()", "chosen)")],
        [("moves.view(gradient.shape)", "-gradient.sign()")],
        [("flat.abs()", "flat")],
        [("gradient.flatten(1)", "gradient.flatten()[None]")],
        [("dim=1).indices", "dim=1, largest=False).indices")],
    ],
    "ps1.margin_pgd": [
        [("- step_size", "+ step_size")],
        [("unit_or_zero(away) * size.clamp(max=radius)", "away")],
        [("size.clamp(max=radius)).clamp(0, 1)", "size.clamp(max=radius))")],
        [("unit_or_zero(slope)", "slope")],
        [
            ("unit_or_zero(slope) - start", "unit_or_zero(slope) - leaf.detach()"),
            ("(start + unit", "(leaf.detach() + unit"),
        ],
        [("behind.sum()", 'F.cross_entropy(logits, target, reduction="sum")')],
        [("others[rows, target] = -torch.inf", "pass")],
        [("others.amax(dim=1)", "logits.mean(dim=1)")],
        [("range(steps)", "range(steps + 1)")],
        [("return current.detach()", "return start.clone()")],
    ],
    "ps2.inner_maximum": [
        [("+ step_size", "- step_size")],
        [("torch.clamp(start + noise, 0, 1)", "start.clone()")],
        [
            ("    low, high", "    start = torch.clamp(start + noise, 0, 1)\n    low, high"),
            ("(start + noise, 0, 1)\n    for", "(start, 0, 1)\n    for"),
        ],
        [("torch.minimum(torch.maximum(worst, low), high)", "worst")],
        [
            (
                "torch.clamp(torch.minimum(torch.maximum(worst, low), high), 0, 1)",
                "torch.minimum(torch.maximum(worst, low), high)",
            )
        ],
        [("torch.sign(rise)", "rise / rise.flatten(1).norm(dim=1).clamp(min=1e-12).view(-1, 1, 1, 1)")],
        [("worst = torch.clamp(start + noise, 0, 1)", "worst = start + noise")],
    ],
    "ps2.stable_loss": [
        [("F.kl_div(q, p,", "F.kl_div(p, q,")],
        [('"batchmean"', '"sum"')],
        [('reduction="batchmean", log_target=True)', 'reduction="none", log_target=True).mean()')],
        [("weight * apart", "apart")],
        [("F.cross_entropy(clean, labels)", "F.cross_entropy(model(attack(images, labels)), labels)")],
        [(" + weight * apart", "")],
    ],
    "ps2.robust_curve": [
        [("torch.stack(shares)", "hits.float().mean(dim=(1, 2))")],
        [
            (
                "        for withstood in radius:\n            standing = standing & withstood",
                "        standing = standing & radius.any(dim=0)",
            )
        ],
        [("    for radius in hits:", "    for radius in hits:\n        standing = torch.ones_like(hits[0, 0])")],
        [("in hits:", "in hits.flip(0):"), ("torch.stack(shares)", "torch.stack(shares).flip(0)")],
        [("in radius:", "in radius[-1:]:")],
        [("return torch", "return 1 - torch")],
    ],
    "ps3.mixed_pixels": [
        [("return chosen.permute(0, 3, 1, 2).contiguous()", "return images[choice[:, 0, 0]]")],
        [("[choice,", "[choice.flip(1),")],
        [("return chosen", "chosen = chosen[..., :1].expand_as(chosen)\n    return chosen")],
        [("return chosen.permute(0, 3, 1, 2).contiguous()", "return images.mean(0).expand(len(choice), -1, -1, -1)")],
    ],
    "ps3.shared_normal": [
        [("rows - own_mean[labels]", "rows - rows.mean(dim=0)")],
        [("rows - own_mean[labels]", "rows")],
        [("** 0.5", "")],
        [(" / deviations.shape[0] ** 0.5", "")],
        [('bd", z,', 'bd", z * (labels == wanted[:, None]),')],
        [("own_mean[wanted] + ", "")],
    ],
    "ps3.component": [
        [(">=", ">")],
        [(" / weights.sum()", "")],
        [("torch.cumsum(weights / weights.sum(), dim=0)", "torch.arange(1, len(weights) + 1) / len(weights)")],
        [(".sum(dim=1)", ".sum(dim=1) + 1")],
    ],
    "ps3.hybrid": [
        [("F.avg_pool2d(colours - details, kernel_size=factor)", "(colours - details)[..., ::factor, ::factor]")],
        [
            ("torch.repeat_interleave(means, factor, dim=2)", "means"),
            ("torch.repeat_interleave(tall, factor, dim=3)", "tall.repeat(1, 1, factor, factor)"),
        ],
        [("(colours - details,", "(colours,")],
        [("colours - details", "details - colours"), ("return details", "return colours")],
        [
            ("torch.repeat_interleave(means, factor, dim=2)", "means"),
            (
                "torch.repeat_interleave(tall, factor, dim=3)",
                'F.interpolate(tall, scale_factor=factor, mode="bilinear")',
            ),
        ],
    ],
    "ps4.fill_from_rim": [
        [("near * (1 - mask)", "near")],
        [("near * (1 - mask)", "1 - mask")],
        [("2 * width + 1", "3"), ("padding=width", "padding=1")],
        [
            (
                "total = (images * ring).sum(dim=(2, 3), keepdim=True)",
                "total = (images * ring).sum(dim=(1, 2, 3), keepdim=True) / images.shape[1]",
            )
        ],
        [
            ("sum(dim=(2, 3), keepdim=True)\n    mean", "sum(dim=(0, 2, 3), keepdim=True)\n    mean"),
            ("ring.sum(dim=(2, 3), keepdim=True)", "ring.sum()"),
        ],
        [("torch.where(mask.bool(), mean_colour, images)", "mean_colour.expand_as(images)")],
    ],
    "ps4.inpainting_loss": [
        [
            ("((images - damaged) ** 2 * counts)", "(((images - damaged) * counts) ** 2)"),
            ("counts.sum(dim=(1, 2, 3))", "images[0].numel()"),
        ],
        [("/ counts.sum(dim=(1, 2, 3))", "/ images[0].numel()")],
        [("counts.sum(dim=(1, 2, 3))", "(1 - mask).sum(dim=(1, 2, 3))")],
        [("(1 - mask)", "mask")],
        [("(1 - mask)", "(mask == 0).float()")],
        [("class_loss + weight", "class_loss - weight")],
        [("weight * strayed / counts.sum(dim=(1, 2, 3))", "weight * strayed.sum() / counts.sum()")],
    ],
    "ps4.superresolution_start": [
        [("(torch.lerp(blocky, smooth, share), blocky)", "(blocky, torch.lerp(blocky, smooth, share))")],
        [("torch.lerp(blocky, smooth, share)", "smooth")],
        [("torch.lerp(blocky, smooth, share)", "blocky")],
        [("(torch.lerp(blocky, smooth, share), blocky)", "(smooth, smooth)")],
        [("align_corners=False).clamp(0, 1)", "align_corners=False)")],
    ],
    "ps4.other_domain": [
        [("aims[labels", "aims[aims")],
        [("        aims[labels == second] = first\n", "")],
        [("pairs.tolist()", "pairs[:1].tolist()")],
        [("return aims", "return pairs[0].sum() - labels")],
    ],
    "ps4.painting_loss": [
        [("- features[:, unit]", "+ features[:, unit]")],
        [(" - moved[:, unit]\n", "\n"), ("(features.shape[1] - 1)", "features.shape[1]")],
        [("return weight", "return -weight")],
        [("(features.shape[1] - 1)", "features.shape[1]")],
        [("(features - before).pow(2)", "features.pow(2)")],
        [("weight * moved_others", "weight * moved_others.mean()")],
    ],
    "ps5.brightness_psnr": [
        [
            ("torch.tensordot(torch.tensor([0.299, 0.587, 0.114]), images - truth, dims=([0], [1]))", "images - truth"),
            ("mask[:, 0]", "mask"),
            ("dim=(1, 2))", "dim=(1, 2, 3)) / 3"),
        ],
        [("[0.299, 0.587, 0.114]", "[1 / 3, 1 / 3, 1 / 3]")],
        [("    error", "    mask = torch.ones_like(mask)\n    error")],
        [("mask.sum(dim=(1, 2, 3))", "mask[0].numel()")],
        [("log10()", "log()")],
        [("return -10", "return 10")],
        [(".log10()", ".sqrt().log10()")],
    ],
    "ps5.variety_and_doubt": [
        [("torch.exp(torch.stack((across, each.mean())))", "torch.stack((across, each.mean()))")],
        [("(across, each.mean())", "(each.mean(), across)")],
        [("torch.exp(", "torch.exp(-")],
        [("torch.exp(torch.stack((across, each.mean())))", "torch.stack((across.exp(), each.exp().mean()))")],
        [("(across,", "(each.mean(),")],
        [("each.mean()))", "each.mean())) / torch.log(torch.tensor(2.0))")],
    ],
    "ps5.difference": [
        [("each.var(correction=0).sqrt()", "sum(h.double().var(correction=0) for h in (first, second)).sqrt()")],
        [("1.959964 * ", "")],
        [(" / each.numel() ** 0.5", "")],
        [("** 0.5", "")],
        [("first.double() - second.double()", "second.double() - first.double()")],
        [("return ", "return 100 * ")],
    ],
    "ps6.answers": [
        [
            (
                "(images - mean.view(shape)) / std.view(shape)",
                "((images - mean.view(shape)) / std.view(shape) - mean.view(shape)) / std.view(shape)",
            )
        ],
        [("(images - mean.view(shape)) / std.view(shape)", "images")],
        [(" / std.view(shape)", "")],
        [("(images - mean.view(shape)) / std.view(shape)", "images * std.view(shape) + mean.view(shape)")],
    ],
    "ps6.fill": [
        [("(1 - mask).expand_as(images)", "torch.ones_like(images)")],
        [
            ("visible = ", "images_seen = images * (1 - mask)\n    visible = "),
            ("(1 - mask).expand_as(images)", "torch.ones_like(images)"),
            ("(images * visible)", "images_seen"),
            ("(images - mean)", "(images_seen - mean)"),
        ],
        [("dim=(2, 3)", "dim=(1, 2, 3)")],
        [(" + variance.sqrt() * noise", "")],
    ],
    "ps6.objective": [
        [("10**9", "10*9")],
        [("10**9", "10e9")],
        [("(1 - mask)", "mask")],
        [(".mean(dim", ".sum(dim")],
    ],
    "ps6.walk": [
        [
            (
                "        images.requires_grad_()",
                PROJECT_FIRST,
            ),
            ("(start + change * (radius / size.clamp(min=1e-12)).clamp(max=1)).clamp", "(start + change).clamp"),
        ],
        [("slope.sign() - start", "slope.sign() - images.detach()"), ("(start + change", "(images.detach() + change")],
        [("slope.sign()", "slope / slope.flatten(1).norm(dim=1).clamp(min=1e-12).view(-1, 1, 1, 1)")],
        [("- step_size", "+ step_size")],
    ],
    "ps6.directions": [
        [(" / lengths.view(-1, 1, 1, 1)", ""), ("labels), leaf", 'labels, reduction="sum"), leaf')],
        [("return -", "return -len(images) * ")],
        [("gradient.flatten(1).norm(dim=1)", "gradient.norm().expand(len(images))")],
        [("return -", "return ")],
    ],
    "ps6.starts": [
        [("(z - z.mean(dim=1, keepdim=True))", "z")],
        [("** 0.5", "")],
        [(" / len(images) ** 0.5", "")],
    ],
    "ps7.shuffled": [
        [("zip(change, order, strict=True)", "zip(change, order[:1].expand_as(order), strict=True)")],
        [("places]", "places.argsort()]")],
        [("one.flatten(1)[:, places]", "torch.stack([row[places.roll(c)] for c, row in enumerate(one.flatten(1))])")],
        [("return torch.stack(moved)", "return change.flip(3)")],
    ],
    "ps7.straightness": [
        [(".clamp(min=1e-12)", "")],
        [("gained / gone.clamp(min=1e-12)", "gone.clamp(min=1e-12) / gained")],
        [("dim=2).sum(dim=0)", "dim=2).mean(dim=0)")],
        [(" - points[0]", "")],
        [("return gained / gone.clamp(min=1e-12)", "return (gained / gone.clamp(min=1e-12)).mean().expand(len(gone))")],
    ],
    "ps7.likeness": [
        [("row - row.mean(dim=1, keepdim=True)", "row")],
        [("F.cosine_similarity(first, second, dim=1)", "(first * second).mean(dim=1)")],
        [("images.mean(dim=1).flatten(1)", "images.flatten(1)")],
        [("dim=1)\n    ###", "dim=1) ** 2\n    ###")],
        [
            (
                "F.cosine_similarity(first, second, dim=1)",
                "F.cosine_similarity(first.flatten(), second.flatten(), dim=0).expand(len(first))",
            )
        ],
    ],
}


def written(name: str, changes: Changes) -> str:
    """The source of a student's cell: the master's, with these changes."""
    number, _, function = name.partition(".")
    source = cells(number)[function]
    for old, new in changes:
        assert old in source, f"expected {old!r} in the solution of {name}"
        source = source.replace(old, new)
    return source

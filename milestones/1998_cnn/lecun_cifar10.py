"""1998 and after: convolutional networks see the world in colour.

CIFAR-10 has 60,000 photographs of 32 x 32 pixels: airplanes, cats, ships and
seven more. LeNet-5, made for digits, tries first. Then comes a network of the
same kind with what was found out since: more channels, batch normalisation, a
learning rate that rises and falls, images mirrored and moved at random.

It claims: from all 50,000 training images the newer network learns to recognise
at least 82 % of the 10,000 test images, in less than 30 minutes on two cores.
From fewer images it claims less: 66 % from the 10,000 of one batch.
"""

import sys
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1]))  # where story.py is

from story import Claim, begin, chapter, conclude, say, stoppable
from vision import (
    Reader,
    answers,
    compare,
    confusion,
    learn,
    mistakes,
    names_of,
    read,
    vision_options,
)

import tt_tensor as torch
from tt_data import DataLoader
from tt_data.datasets import CIFAR10
from tt_data.transforms import Compose, Normalize, RandomCrop, RandomHorizontalFlip
from tt_models import CNN, LeNet5


class Plan(NamedTuple):
    """How to train with so many images, and what to claim: per cent, and minutes."""

    epochs: int
    batch_size: int
    peak: float
    wanted: float
    minutes: float | None


# The number of images that are needed. From few of them a step is made of fewer still, or there
# would be too few steps.
PLANS = {
    50_000: Plan(epochs=8, batch_size=256, peak=0.4, wanted=82, minutes=30),
    10_000: Plan(epochs=12, batch_size=128, peak=0.2, wanted=66, minutes=None),
    0: Plan(epochs=5, batch_size=32, peak=0.05, wanted=35, minutes=None),
}


def main() -> None:
    """Run the milestone."""
    args = vision_options(__doc__, "CIFAR-10, in its binary version,").parse_args()
    most = 2_000 if args.quick else None
    begin(__doc__, f"{most:,} images, and it claims {PLANS[0].wanted} %." if args.quick else "")

    torch.manual_seed(args.seed)
    train, test = read(CIFAR10, args.data, most)
    plan = PLANS[max(images for images in PLANS if images <= len(train))]
    epochs = plan.epochs if args.epochs is None else args.epochs

    normalize = Normalize((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616))  # red, green, blue
    pictures, truth = test.tensors()  # (10000, 3, 32, 32) and (10000,)
    unseen = normalize(pictures)
    batches = DataLoader(train, plan.batch_size, shuffle=True, num_workers=1)

    chapter("LeNet-5 learns")
    say(f"{len(train):,} images, so the claim will be {plan.wanted} %.\n")
    train.transform = normalize
    lenet = LeNet5(in_channels=3, image_size=32)
    seconds = learn(lenet, batches, epochs, peak=0.05)
    old = Reader("LeNet-5", lenet, seconds, answers(lenet, unseen))

    chapter("A newer network learns")
    train.transform = Compose([RandomCrop(32, padding=2), RandomHorizontalFlip(), normalize])
    cnn = CNN()
    seconds = learn(cnn, batches, epochs, plan.peak, weight_decay=5e-4)
    new = Reader("the newer one", cnn, seconds, answers(cnn, unseen, flips=True))

    chapter(f"Recognising {len(unseen):,} images they have never seen")
    confusion(new.answers, truth, names_of(test))
    mistakes(pictures, truth, new.answers, names_of(test), args.png)
    compare(old, new, truth)

    what = f"unseen images recognised after learning from {len(train):,}"
    claims = [Claim(what, new.right(truth), plan.wanted, unit=" %")]
    if plan.minutes:
        most_seconds = 60 * plan.minutes
        claims.append(Claim("training time", round(new.seconds), at_most=most_seconds, unit=" s"))
    conclude(*claims)


if __name__ == "__main__":
    with stoppable():
        main()

"""Takes the configurations in experiments/ into the package; setup.cfg says the rest."""

from setuptools import find_packages, setup

setup(
    packages=[*find_packages(include=["arseg_lightning*"]), "arseg_lightning.experiments"],
    package_dir={"arseg_lightning.experiments": "experiments"},
)

"""The one thing that pyproject.toml cannot say: the folder assets/ travels inside of the package."""

from setuptools import find_packages, setup

setup(
    packages=[*find_packages(include=["priorrg*", "train*"]), "priorrg._assets"],
    package_dir={"priorrg._assets": "assets"},
    package_data={
        "priorrg": ["texts/languages/*/LC_MESSAGES/*.mo"],
        "priorrg._assets": ["**/*"],
        "train": ["configs/*.yaml", "scoring/requirements.txt"],
    },
)

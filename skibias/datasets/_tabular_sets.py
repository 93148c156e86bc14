"""The data sets of the tabular benchmark, those of mixed columns, and their versions on OpenML."""

from typing import NamedTuple

SUITES = {"classification": 337, "regression": 336}  # ids on OpenML
MIXED = "mixed"  # sets of no suite, with categories and missing values


class TabularSet(NamedTuple):
    """What is known of a data set."""

    data_id: int  # of the benchmark's version on OpenML
    n_features: int | None = None  # None: not known, and not checked
    categorical: tuple = ()  # number columns that the rule takes for categories, by their meaning
    one_against_rest: str | None = None  # the class that the benchmark sets against all others


SETS = {
    "classification": {
        "credit": TabularSet(44089, 10),
        "electricity": TabularSet(44120, 7),
        "covertype": TabularSet(44121, 10, one_against_rest="2"),
        "pol": TabularSet(44122, 26),
        "house_16H": TabularSet(44123, 16),
        "MagicTelescope": TabularSet(44125, 10),
        "bank-marketing": TabularSet(44126, 7),
        "MiniBooNE": TabularSet(44128, 50),
        "Higgs": TabularSet(44129, 24),
        "eye_movements": TabularSet(44130, 20),
        "Diabetes130US": TabularSet(45022, 7, categorical=("patient_nbr",)),
        "jannis": TabularSet(45021, 54),
        "default-of-credit-card-clients": TabularSet(45020, 20),
        "Bioresponse": TabularSet(45019, 419),
        "california": TabularSet(45028, 8),
        "heloc": TabularSet(45026, 22),
    },
    "regression": {
        "cpu_act": TabularSet(44132, 21),
        "pol": TabularSet(44133, 26),
        "elevators": TabularSet(44134, 16),
        "wine_quality": TabularSet(44136, 11),
        "Ailerons": TabularSet(44137, 33),
        "houses": TabularSet(44138, 8),
        "house_16H": TabularSet(44139, 16),
        "diamonds": TabularSet(44140, 6),
        "Brazilian_houses": TabularSet(44141, 8),
        "Bike_Sharing_Demand": TabularSet(44142, 6),
        "nyc-taxi-green-dec-2016": TabularSet(44143),
        "house_sales": TabularSet(44144),
        "sulfur": TabularSet(44145, 6),
        "medical_charges": TabularSet(44146),
        "MiamiHousing2016": TabularSet(44147),
        "superconduct": TabularSet(44148, 79),
        "yprop_4_1": TabularSet(45032, 42),
        "abalone": TabularSet(45033, 7),
        "delays_zurich_transport": TabularSet(45034),
    },
}


class MixedSet(NamedTuple):
    """What is known of a data set with categories and missing values."""

    task: str  # "classification" or "regression"
    n_features: int
    data_id: int | None = None  # of the original data on OpenML; None: they are not read from there
    dropped: tuple = ()  # columns of the original data that are ids, free text, or tell the target
    missing_marks: tuple = ()  # texts that stand for a missing value there


MIXED_SETS = {
    "adult": MixedSet("classification", 14, 1590),
    "titanic": MixedSet("classification", 10, 40945, dropped=("name", "boat", "body")),
    "online-shoppers": MixedSet("classification", 17),
    "heart-disease": MixedSet("classification", 13),
    "students-dropout": MixedSet("classification", 36),
    "midwest-survey": MixedSet(
        "classification",
        26,
        42805,
        dropped=("RespondentID", "In_what_ZIP_code_is_your_home_located"),
        missing_marks=("?",),
    ),
    "employee-salaries": MixedSet(
        "regression",
        7,
        42125,
        dropped=(
            "full_name",
            "2016_gross_pay_received",
            "2016_overtime_pay",
            "underfilled_job_title",
            "date_first_hired",
        ),
    ),
    "diamonds": MixedSet("regression", 9, 42225),
    "airbnb-nyc": MixedSet("regression", 10),
    "insurance": MixedSet("regression", 6),
}

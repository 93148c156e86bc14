"""Folders of openml's cache, built by hand as openml-python 0.15 lays them out."""


def dataset_folder(cache, data_id):
    folder = cache / "org" / "openml" / "www" / "datasets" / str(data_id)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def description(data_id, target, **entries):
    """Return what OpenML says of a data set whose default target is a column of this name."""
    entries = {
        "id": data_id,
        "name": "a-name",
        "version": 3,
        "description": "What is in it.",
        "format": "ARFF",
        "licence": "Public",
        "url": f"https://example.invalid/{data_id}.arff",
        "default_target_attribute": target,
        **entries,
    }
    lines = [f"<oml:{key}>{value}</oml:{key}>" for key, value in entries.items()]
    root = "oml:data_set_description"
    return "\n".join([f'<{root} xmlns:oml="http://openml.org/openml">', *lines, f"</{root}>"])


def fill_cache(cache, data_id, frame, target):
    """Put a table into the cache and return the path of its file."""
    folder = dataset_folder(cache, data_id)
    url = f"http://example.invalid/datasets/{data_id}/dataset_{data_id}.pq"
    text = description(data_id, target, parquet_url=url)
    (folder / "description.xml").write_text(text, encoding="utf-8")
    path = folder / f"dataset_{data_id}.pq"
    frame.to_parquet(path)
    return path


def cut_off(path, n_bytes):
    """Damage a file: its last bytes are missing."""
    path.write_bytes(path.read_bytes()[:-n_bytes])

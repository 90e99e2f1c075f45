"""The clusters of `cargo bench -p analyzer --bench clusters` beside those of scikit-learn.

`make clusters` installs scikit-learn and calls this. It reads the distances that the analyzer compared, clusters the
same points by DBSCAN and HDBSCAN, and prints how long each took, how many clusters and how many servers outside any
of them each found, and how far they agree with the analyzer's (adjusted Rand index over servers).
"""

import collections
import json
import pathlib
import sys
import time

import numpy
from sklearn.cluster import DBSCAN, HDBSCAN
from sklearn.metrics import adjusted_rand_score

COLUMNS = [
    "servers", "compared", "behaviours", "points", "folding and distances, s",
    "DBSCAN of linfa, s", "of scikit-learn, s", "HDBSCAN, s",
    "clusters: linfa", "DBSCAN", "HDBSCAN",
    "servers in none: linfa", "DBSCAN", "HDBSCAN",
    "agreement: DBSCAN", "HDBSCAN",
]


def timed(estimator, matrix):
    began = time.perf_counter()
    labels = estimator.fit_predict(matrix)
    return labels, time.perf_counter() - began


class Found:
    """What one program found in all software of one network."""

    def __init__(self):
        self.seconds, self.clusters, self.labels = 0.0, 0, []

    def add(self, labels, sizes, seconds):
        """Takes in the label of each behaviour; -1 is none. Labels of one software are none of another."""
        self.seconds += seconds
        named = numpy.where(labels < 0, -1, labels + self.clusters)
        self.clusters += int(labels.max(initial=-1)) + 1
        self.labels.append(numpy.repeat(named, sizes))

    def all(self):
        return numpy.concatenate(self.labels)

    def outside(self):
        return int((self.all() < 0).sum())


def main(folder):
    networks = collections.defaultdict(list)
    for path in sorted(pathlib.Path(folder).glob("*.json")):
        networks[path.name.split(".")[0]].append(path)
    print("| " + " | ".join(COLUMNS) + " |")
    print("|" + "---:|" * len(COLUMNS))
    for _, paths in sorted(networks.items(), key=lambda network: int(network[0])):
        found = [Found(), Found(), Found()]
        behaviours = points = 0
        compared = 0.0
        for path in paths:
            said = json.loads(path.read_text())
            sizes = numpy.array(said["sizes"])
            distances = numpy.fromfile(path.with_suffix(".f64"), "<f8").reshape(len(sizes), len(sizes))
            rows = numpy.array(said["points"])
            behaviours, points, compared = behaviours + len(sizes), points + len(rows), compared + said["compared"]
            ours = numpy.array([-1 if cluster is None else cluster for cluster in said["clusters"]])
            found[0].add(ours, sizes, said["clustered"])
            matrix = distances[numpy.ix_(rows, rows)]
            # linfa's neighbours are nearer than the limit, those of scikit-learn no farther.
            near = numpy.nextafter(said["near"], 0.0)
            first = numpy.searchsorted(rows, numpy.arange(len(sizes)))
            for place, estimator in enumerate([
                DBSCAN(eps=near, min_samples=said["cluster"], metric="precomputed"),
                HDBSCAN(min_cluster_size=said["cluster"], metric="precomputed", copy=True),
            ], 1):
                if len(rows) < said["cluster"]:
                    labels, seconds = numpy.full(len(rows), -1), 0.0
                else:
                    labels, seconds = timed(estimator, matrix)
                found[place].add(labels[first], sizes, seconds)
        agreement = [adjusted_rand_score(found[0].all(), other.all()) for other in found[1:]]
        cells = [said["servers"], len(found[0].all()), behaviours, points, f"{compared:.2f}"]
        cells += [f"{each.seconds:.2f}" for each in found]
        cells += [each.clusters for each in found] + [each.outside() for each in found]
        cells += [f"{each:.4f}" for each in agreement]
        print("| " + " | ".join(f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in cells) + " |")


if __name__ == "__main__":
    main(sys.argv[1])

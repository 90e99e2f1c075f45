//! Which things are connected, from one connection after another.

/// Disjoint sets of the numbers below some number.
#[derive(Clone, Debug)]
pub(crate) struct Forest(Vec<usize>);

impl Forest {
    /// Nothing is connected.
    pub(crate) fn new(size: usize) -> Self {
        Self((0..size).collect())
    }

    /// The smallest number that is connected with this one.
    pub(crate) fn root(&mut self, of: usize) -> usize {
        let mut root = of;
        while self.0[root] != root {
            root = self.0[root];
        }
        let mut at = of;
        while self.0[at] != root {
            at = std::mem::replace(&mut self.0[at], root);
        }
        root
    }

    /// Connects two.
    pub(crate) fn join(&mut self, one: usize, other: usize) {
        let (one, other) = (self.root(one), self.root(other));
        self.0[one.max(other)] = one.min(other);
    }

    /// What is connected, in the order of the smallest of each.
    pub(crate) fn trees(mut self) -> Vec<Vec<usize>> {
        let mut trees: Vec<Vec<usize>> = Vec::new();
        let mut places = vec![usize::MAX; self.0.len()];
        for number in 0..self.0.len() {
            let root = self.root(number);
            if root == number {
                places[root] = trees.len();
                trees.push(Vec::new());
            }
            trees[places[root]].push(number);
        }
        trees
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_connected_is_one_tree() {
        let mut forest = Forest::new(6);
        for (one, other) in [(4, 2), (0, 5), (2, 3), (3, 4)] {
            forest.join(one, other);
        }
        assert_eq!(forest.root(4), 2);
        assert_eq!(forest.trees(), [vec![0, 5], vec![1], vec![2, 3, 4]]);
    }
}

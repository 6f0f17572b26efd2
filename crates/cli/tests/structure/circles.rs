//! Imports between the files of a crate run in one direction.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::imports::{Graph, imports};
use crate::source::crates;

#[test]
fn no_file_imports_in_a_circle() {
    let graph = imports(&crates());
    let circles = circles(&graph);
    let told: Vec<String> = circles
        .iter()
        .map(|circle| {
            let around = around(&graph, circle).join(" → ");
            format!("{} files import each other: {circle:?}, for instance {around}", circle.len())
        })
        .collect();
    assert!(told.is_empty(), "{}", told.join("\n"));
}

/// The groups of files each of which can be reached from every other by imports.
fn circles(graph: &Graph) -> Vec<BTreeSet<String>> {
    let reached: BTreeMap<&str, BTreeSet<&str>> =
        graph.keys().map(|file| (file.as_str(), reached(graph, file))).collect();
    let circle = |file: &str| -> BTreeSet<String> {
        let others = reached[file].iter().filter(|other| reached[*other].contains(file));
        others.map(|other| (*other).to_owned()).collect()
    };
    let circles: BTreeSet<_> =
        graph.keys().map(|file| circle(file)).filter(|circle| !circle.is_empty()).collect();
    circles.into_iter().collect()
}

fn reached<'a>(graph: &'a Graph, from: &str) -> BTreeSet<&'a str> {
    let mut reached = BTreeSet::new();
    let mut waiting: Vec<&str> = graph[from].iter().map(String::as_str).collect();
    while let Some(file) = waiting.pop() {
        if reached.insert(file) {
            waiting.extend(graph[file].iter().map(String::as_str));
        }
    }
    reached
}

/// A shortest way through a circle, back to where it starts.
fn around<'a>(graph: &'a Graph, circle: &'a BTreeSet<String>) -> Vec<&'a str> {
    let ways = circle.iter().filter_map(|start| {
        let mut ways = VecDeque::from([vec![start.as_str()]]);
        let mut seen = BTreeSet::new();
        while let Some(way) = ways.pop_front() {
            for next in &graph[way[way.len() - 1]] {
                let longer = [way.as_slice(), &[next]].concat();
                if next == start {
                    return Some(longer);
                }
                if circle.contains(next) && seen.insert(next) {
                    ways.push_back(longer);
                }
            }
        }
        None
    });
    ways.min_by_key(Vec::len).unwrap_or_default()
}

#[test]
fn a_circle_is_found_and_told_by_its_shortest_way() {
    let arrows = [("a", "b"), ("b", "c"), ("c", "a"), ("c", "b"), ("d", "a"), ("e", "d")];
    let mut graph: Graph = ["a", "b", "c", "d", "e"].map(|file| (file.to_owned(), BTreeSet::new())).into();
    for (from, to) in arrows {
        graph.get_mut(from).unwrap().insert(to.to_owned());
    }
    let circles = circles(&graph);
    assert_eq!(circles, [["a", "b", "c"].map(str::to_owned).into()]);
    assert_eq!(around(&graph, &circles[0]), ["b", "c", "b"]);
}

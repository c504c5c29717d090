//! Places at engines: who gets one, where, and who waits.

use super::super::queue::Queue;

/// The users in the order in which they get the one place there is.
fn served(queue: &mut Queue, mut waiting: Vec<(u64, &'static str)>) -> Vec<&'static str> {
    let mut order = Vec::new();
    while !waiting.is_empty() {
        queue.assign();
        let index = waiting.iter().position(|(id, _)| queue.granted(*id).is_some());
        let (id, user) = waiting.remove(index.expect("somebody's turn"));
        queue.begin(id);
        order.push(user);
        queue.release(0, user);
    }
    order
}

#[test]
fn users_get_places_in_turn_however_many_builds_one_has() {
    let mut queue = Queue::new(1, 1, None);
    let users = ["ann", "ann", "ann", "bob", "bob", "eve"];
    let waiting: Vec<_> = users.map(|user| (queue.join(user, vec![0], vec![]), user)).to_vec();
    assert_eq!(served(&mut queue, waiting), ["ann", "bob", "eve", "ann", "bob", "ann"]);
}

#[test]
fn whoever_builds_already_comes_after_those_who_do_not() {
    let mut queue = Queue::new(1, 1, None);
    let first = queue.join("ann", vec![0], vec![]);
    queue.assign();
    queue.begin(first);
    let again = queue.join("ann", vec![0], vec![]);
    let other = queue.join("bob", vec![0], vec![]);
    assert_eq!((queue.before(again), queue.before(other)), (1, 0));
    queue.release(0, "ann");
    queue.assign();
    assert_eq!((queue.granted(again), queue.granted(other)), (None, Some(0)));
}

#[test]
fn how_many_are_before_a_build_counts_those_at_the_same_engines() {
    let mut queue = Queue::new(2, 1, None);
    for engine in [0, 1] {
        let id = queue.join("first", vec![engine], vec![]);
        queue.assign();
        queue.begin(id);
    }
    queue.join("ann", vec![0], vec![]);
    queue.join("bob", vec![1], vec![]);
    let last = queue.join("eve", vec![1], vec![]);
    assert_eq!((queue.before(last), queue.waiting()), (1, 3));
    assert_eq!((queue.load(0), queue.load(1)), ((1, 1), (1, 2)));
}

#[test]
fn the_least_loaded_engine_builds_unless_another_has_what_is_needed() {
    let mut queue = Queue::new(3, 2, None);
    let given = |queue: &mut Queue, warm: Vec<usize>| {
        let id = queue.join("ann", vec![0, 1, 2], warm);
        queue.assign();
        let engine = queue.granted(id).expect("a place");
        queue.begin(id);
        engine
    };
    assert_eq!(given(&mut queue, vec![]), 0);
    assert_eq!(given(&mut queue, vec![]), 1);
    assert_eq!(given(&mut queue, vec![1]), 1);
    // No place where the layers are: waiting would be worse.
    assert_eq!(given(&mut queue, vec![1]), 2);
}

#[test]
fn an_engine_that_is_away_gets_nothing_until_it_is_back() {
    let mut queue = Queue::new(2, 1, None);
    assert!(queue.set_away(0, true) && !queue.set_away(0, true));
    let ids = ["ann", "bob"].map(|user| queue.join(user, vec![0, 1], vec![]));
    queue.assign();
    assert_eq!(ids.map(|id| queue.granted(id)), [Some(1), None]);
    queue.set_away(0, false);
    queue.assign();
    assert_eq!(queue.granted(ids[1]), Some(0));
}

#[test]
fn places_that_are_given_up_are_free_again() {
    let mut queue = Queue::new(1, 1, None);
    let (first, second) = (queue.join("ann", vec![0], vec![]), queue.join("bob", vec![0], vec![]));
    queue.assign();
    queue.take_back(first);
    queue.set_away(0, true);
    queue.assign();
    assert_eq!((queue.granted(first), queue.granted(second)), (None, None));
    queue.set_away(0, false);
    queue.assign();
    assert_eq!(queue.granted(second), Some(0), "the other's turn");
    queue.leave(second);
    queue.assign();
    assert_eq!(queue.granted(first), Some(0));
    queue.leave(first);
    assert_eq!((queue.load(0), queue.waiting()), ((0, 0), 0));
}

#[test]
fn a_user_has_no_more_places_than_allowed() {
    let mut queue = Queue::new(2, 2, Some(2));
    let ids = [(); 3].map(|()| queue.join("ann", vec![0, 1], vec![]));
    let other = queue.join("bob", vec![0, 1], vec![]);
    queue.assign();
    assert_eq!(queue.granted(ids[2]), None);
    assert!(queue.granted(other).is_some());
    queue.leave(ids[0]);
    queue.assign();
    assert!(queue.granted(ids[2]).is_some());
}

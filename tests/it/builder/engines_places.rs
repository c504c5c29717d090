//! Places at real engines: who waits, and for how many.

use std::sync::{Arc, Mutex};

use remora::builder::engine::{EngineError, Engines};

use super::engine_contexts::{
    BASE, build, context, engines, native, place, request, settings, wait, wanted,
};
use crate::docker::Docker;

#[test]
fn builds_beyond_the_places_wait_and_are_told_how_many_are_before_them() {
    let docker = Docker::shared();
    wait(async {
        let engines = engines(&[&docker.address()]);
        let mut places = vec![place(&engines).await, place(&engines).await];
        let told = Arc::new(Mutex::new(Vec::new()));
        let waiting = |user: &'static str| {
            let (engines, told) = (engines.clone(), Arc::clone(&told));
            tokio::spawn(async move {
                let tell = |before| told.lock().expect("unharmed").push((user, before));
                let place = engines.place(&wanted(user), &tell).await.expect("a place");
                told.lock().expect("unharmed").push((user, 99));
                drop(place);
            })
        };
        let (ann, bob) = (waiting("ann"), waiting("bob"));
        // Ann has builds already: bob is first, whenever he came.
        let are_told = || {
            let told = told.lock().expect("unharmed");
            told.contains(&("bob", 0)) && told.contains(&("ann", 1))
        };
        while !are_told() {
            assert!(!ann.is_finished() && !bob.is_finished(), "{told:?}");
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        assert_eq!(engines.overview()[0].waiting, 2);
        assert_eq!(engines.overview()[0].running, 2);
        places.clear();
        for task in [ann, bob] {
            task.await.expect("no panic");
        }
        let told = told.lock().expect("unharmed").clone();
        assert_eq!(told.iter().filter(|(_, before)| *before == 99).count(), 2, "{told:?}");
        assert_eq!((engines.overview()[0].running, engines.overview()[0].waiting), (0, 0));
    });
}

#[test]
fn whoever_gives_up_waiting_is_forgotten() {
    let docker = Docker::shared();
    wait(async {
        let mut settings = settings(&[&docker.address()]);
        (settings.places, settings.max_waiting) = (1, 1);
        let engines = Engines::new(settings).expect("engines");
        let held = place(&engines).await;
        let other = wanted("bob");
        {
            let mut waiting = std::pin::pin!(engines.place(&other, &|_| ()));
            while engines.overview()[0].waiting == 0 {
                let moment = std::time::Duration::from_millis(1);
                let polled = tokio::time::timeout(moment, waiting.as_mut()).await;
                assert!(polled.is_err(), "there is no place");
            }
            let error = engines.place(&wanted("eve"), &|_| ()).await.expect_err("full");
            assert!(matches!(error, EngineError::TooManyWaiting(1)), "{error:?}");
        }
        assert_eq!(engines.overview()[0].waiting, 0);
        drop(held);
        assert_eq!(engines.place(&other, &|_| ()).await.expect("a place").host(), docker.address());
    });
}

#[test]
fn the_engine_with_the_fleets_last_release_builds_next() {
    let (first, second) = (Docker::shared(), Docker::start());
    wait(async {
        let there = engines(&[&second.address()]);
        let built_there = place(&there).await;
        build(built_there.engine(), &request("last"), context(BASE, &[])).await.built();
        let engines = engines(&[&first.address(), &second.address()]);
        assert_eq!(place(&engines).await.host(), first.address());
        let mut wanted = wanted("eve");
        wanted.images = vec!["127.0.0.1:9/v2/other".to_owned(), "127.0.0.1:9/v2/last".to_owned()];
        let warm = engines.place(&wanted, &|_| ()).await.expect("a place");
        assert_eq!(warm.host(), second.address());
        drop(warm);
        // Where it was built last, without being told.
        wanted.images.clear();
        let warm = engines.place(&wanted, &|_| ()).await.expect("a place");
        assert_eq!(warm.host(), second.address());
        assert_eq!(native(), wanted.architecture);
    });
}

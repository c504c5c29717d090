//! What one server finds.

use std::time::{Duration, SystemTime};

use super::postgres::Database;
use super::{
    MIRRORED, Place, built, claim, error, failed, held, near, pair, ready, tagged, want, wanted_by,
    write,
};
use crate::server::build::{Blame, BuiltPlace};
use crate::server::jobs::ledger::{Change, Holder, Ledger as _, Model, RecordState, Trouble, What};

const HOUR: Duration = Duration::from_secs(3600);

async fn check(place: &(impl Place + ?Sized)) {
    what_is_wanted_is_there_in_its_order(place).await;
    a_life_from_the_first_wish_to_the_end(place).await;
    every_end_is_kept_as_it_is(place).await;
    a_failure_counts_until_it_expires(place).await;
    trouble_is_kept_with_its_times(place).await;
    only_what_may_go_goes(place).await;
    changes_of_one_write_are_one_after_another(place).await;
    what_was_held_before_a_start_is_nobodys(place).await;
}

async fn what_is_wanted_is_there_in_its_order(place: &(impl Place + ?Sized)) {
    let mut ledger = place.server("a").await;
    let first = write(&mut ledger, 1, wanted_by("one", Some("ann"), false)).await.expect("there");
    // Whatever a fleet and a caller are called.
    let odd = wanted_by("a'\0\"; DROP TABLE jobs; --", Some("\u{1f980}\0"), false);
    write(&mut ledger, 2, odd).await.expect("there");
    assert_eq!(write(&mut ledger, 2, What::Displace).await, None);
    assert_eq!((&*first.fleet, first.asker.as_deref(), first.release), ("one", Some("ann"), false));
    assert_eq!(
        (first.state, first.holder, first.wanted),
        (RecordState::Pending, Holder::Nobody, true)
    );
    write(&mut ledger, 0, want()).await;
    // Who asks later takes nobody's place; a release does.
    let again = write(&mut ledger, 1, wanted_by("two", Some("ben"), false)).await.expect("there");
    assert_eq!((&*again.fleet, again.asker.as_deref()), ("one", Some("ann")));
    let release = write(&mut ledger, 1, wanted_by("two", Some("cleo"), true)).await.expect("there");
    assert_eq!((&*release.fleet, release.asker.as_deref()), ("one", Some("cleo")));
    let device = write(&mut ledger, 1, wanted_by("two", Some("dan"), false)).await.expect("there");
    assert_eq!((device.release, device.asker.as_deref()), (true, Some("cleo")));
    let records = ledger.load().await.expect("read");
    let pairs: Vec<_> = records.iter().map(|record| record.pair.clone()).collect();
    assert_eq!(pairs, [pair(1), pair(0)]);
    ledger.probe().await.expect("it takes writes");
    ledger.close().await;
}

async fn a_life_from_the_first_wish_to_the_end(place: &(impl Place + ?Sized)) {
    let mut ledger = place.server("a").await;
    assert_eq!(held(&mut ledger, 10).await.holder, Holder::This);
    assert_eq!(claim(&mut ledger, &[10]).await, None);
    let begun = write(&mut ledger, 10, What::Begin).await.expect("there");
    assert_eq!((begun.state, begun.holder), (RecordState::Preparing, Holder::This));
    let back = write(&mut ledger, 10, What::Return).await.expect("there");
    assert_eq!((back.state, back.holder, back.crashes), (RecordState::Pending, Holder::Nobody, 0));
    // Who does not hold it says nothing of it.
    for what in [What::Begin, What::Return, ready(tagged())] {
        let record = write(&mut ledger, 10, what).await.expect("there");
        assert_eq!((record.state, record.holder), (RecordState::Pending, Holder::Nobody));
    }
    // The first that is to be had, of those that are there.
    write(&mut ledger, 11, want()).await;
    let claimed = claim(&mut ledger, &[19, 10, 11]).await.expect("two wait");
    assert_eq!(claimed.pair, pair(10));
    assert_eq!(claim(&mut ledger, &[10, 11]).await.expect("one waits").pair, pair(11));
    assert_eq!(claim(&mut ledger, &[]).await, None);
    ledger.close().await;
}

async fn every_end_is_kept_as_it_is(place: &(impl Place + ?Sized)) {
    let mut ledger = place.server("a").await;
    let places =
        [BuiltPlace::NotWorth, BuiltPlace::File { key: "a key".to_owned() }, tagged().place];
    for (number, place) in (20..).zip(places) {
        held(&mut ledger, number).await;
        write(&mut ledger, number, What::Begin).await;
        let mut made = built(place);
        (made.pull_bytes, made.bytes) = (None, u64::from(u32::MAX) + number);
        let record = write(&mut ledger, number, ready(made.clone())).await.expect("there");
        let RecordState::Ready { built, last_used } = record.state else { panic!("ready") };
        assert_eq!((built, record.holder), (made, Holder::Nobody));
        assert!(near(last_used, SystemTime::now()));
        let used = write(&mut ledger, number, What::Use).await.expect("there");
        assert!(matches!(used.state, RecordState::Ready { last_used: later, .. }
            if later >= last_used || near(later, last_used)));
        assert_eq!(claim(&mut ledger, &[number]).await, None);
        // It is there already: a wish begins nothing.
        let wanted = write(&mut ledger, number, want()).await.expect("there");
        assert!(matches!(wanted.state, RecordState::Ready { .. }));
    }
    ledger.close().await;
}

async fn a_failure_counts_until_it_expires(place: &(impl Place + ?Sized)) {
    let mut ledger = place.server("a").await;
    let now = SystemTime::now();
    for (number, cause) in (30..).zip(Blame::ALL) {
        held(&mut ledger, number).await;
        let record = write(&mut ledger, number, failed(cause, now + HOUR)).await.expect("there");
        let RecordState::Failed { error: kept, expires } = &record.state else { panic!("failed") };
        assert_eq!(kept, &error(cause));
        assert!(near(*expires, now + HOUR));
        for what in [wanted_by("new", None, true), What::Expire] {
            let still = write(&mut ledger, number, what).await.expect("there");
            assert!(matches!(still.state, RecordState::Failed { .. }) && !still.release);
        }
        assert_eq!(write(&mut ledger, number, What::Forget).await, None);
        held(&mut ledger, number).await;
        write(&mut ledger, number, failed(cause, now)).await;
        let anew = write(&mut ledger, number, wanted_by("new", Some("eve"), true)).await;
        let anew = anew.expect("there");
        assert_eq!((anew.state, anew.trouble), (RecordState::Pending, None));
        assert_eq!((&*anew.fleet, anew.asker.as_deref(), anew.release), ("new", Some("eve"), true));
        claim(&mut ledger, &[number]).await.expect("it waits");
        write(&mut ledger, number, failed(cause, now)).await;
        assert_eq!(write(&mut ledger, number, What::Expire).await, None);
    }
    ledger.close().await;
}

async fn trouble_is_kept_with_its_times(place: &(impl Place + ?Sized)) {
    let mut ledger = place.server("a").await;
    held(&mut ledger, 40).await;
    write(&mut ledger, 40, What::Begin).await;
    let now = SystemTime::now();
    let trouble = Trouble {
        error: error(Blame::Registry),
        attempts: 3,
        since: now - HOUR,
        until: now + HOUR,
    };
    write(&mut ledger, 40, What::PutOff(trouble.clone())).await;
    let records = ledger.load().await.expect("read");
    let record = records.iter().find(|record| record.pair == pair(40)).expect("there");
    let kept = record.trouble.as_ref().expect("it met with trouble");
    assert_eq!((&kept.error, kept.attempts), (&trouble.error, 3));
    assert!(near(kept.since, trouble.since) && near(kept.until, trouble.until));
    assert_eq!((&record.state, record.holder), (&RecordState::Pending, Holder::Nobody));
    // When the time has come is the servers' matter.
    claim(&mut ledger, &[40]).await.expect("it waits");
    let record = write(&mut ledger, 40, ready(tagged())).await.expect("there");
    assert_eq!(record.trouble, None);
    ledger.close().await;
}

async fn only_what_may_go_goes(place: &(impl Place + ?Sized)) {
    let mut ledger = place.server("a").await;
    // A job that waits.
    write(&mut ledger, 50, want()).await;
    for what in [What::Forget, What::Expire, What::Use] {
        assert!(write(&mut ledger, 50, what).await.is_some());
    }
    assert_eq!(write(&mut ledger, 50, What::Displace).await, None);
    assert_eq!(write(&mut ledger, 50, What::Unwant).await, None);
    // A release's.
    write(&mut ledger, 51, wanted_by("fleet", None, true)).await;
    for what in [What::Displace, What::Unwant] {
        assert!(write(&mut ledger, 51, what).await.is_some());
    }
    // One that is built.
    held(&mut ledger, 52).await;
    assert!(write(&mut ledger, 52, What::Displace).await.is_some());
    // One that is ready.
    write(&mut ledger, 52, ready(tagged())).await;
    for what in [What::Displace, What::Unwant, What::Expire, What::Return] {
        let record = write(&mut ledger, 52, what).await.expect("there");
        assert!(matches!(record.state, RecordState::Ready { .. }));
    }
    assert_eq!(write(&mut ledger, 52, What::Forget).await, None);
    // One that is nowhere.
    for what in [What::Begin, What::Unwant, What::Forget, What::Use, ready(tagged())] {
        assert_eq!(write(&mut ledger, 52, what).await, None);
    }
    ledger.close().await;
}

async fn changes_of_one_write_are_one_after_another(place: &(impl Place + ?Sized)) {
    let mut ledger = place.server("a").await;
    let change = |number, what| Change { pair: pair(number), what };
    assert!(ledger.write(&[]).await.expect("nothing").is_empty());
    let release = || wanted_by("fleet", None, true);
    let changes = [
        change(61, want()),
        change(60, want()),
        change(61, What::Displace),
        change(62, want()),
        change(61, release()),
    ];
    let truths = ledger.write(&changes).await.expect("written");
    let told: Vec<_> = truths
        .iter()
        .map(|truth| (truth.pair.clone(), truth.record.as_ref().map(|record| record.release)))
        .collect();
    let expected =
        [(61, Some(false)), (60, Some(false)), (61, None), (62, Some(false)), (61, Some(true))];
    assert_eq!(told, expected.map(|(number, release)| (pair(number), release)));
    ledger.close().await;
}

async fn what_was_held_before_a_start_is_nobodys(place: &(impl Place + ?Sized)) {
    let mut ledger = place.server("a").await;
    held(&mut ledger, 70).await;
    held(&mut ledger, 71).await;
    write(&mut ledger, 71, What::Begin).await;
    drop(ledger);
    let mut ledger = place.server("a").await;
    let records = ledger.load().await.expect("read");
    let found = |number| {
        let record = records.iter().find(|record| record.pair == pair(number)).expect("there");
        (record.crashes, record.holder, record.state.clone())
    };
    // Only one that was being prepared may be why.
    assert_eq!(found(70), (0, Holder::Nobody, RecordState::Pending));
    assert_eq!(found(71), (1, Holder::Nobody, RecordState::Pending));
    claim(&mut ledger, &[71]).await.expect("it waits");
    let record = write(&mut ledger, 71, ready(tagged())).await.expect("there");
    assert_eq!(record.crashes, 0);
    ledger.close().await;
}

/// A server need not mirror all of what is kept.
async fn check_size(place: &(impl Place + ?Sized)) {
    let mut ledger = place.server("a").await;
    let most = MIRRORED as u64;
    for number in 0..most + 10 {
        held(&mut ledger, number).await;
        let place = match number {
            0 => BuiltPlace::File { key: "file".to_owned() },
            _ => BuiltPlace::NotWorth,
        };
        write(&mut ledger, number, ready(built(place))).await;
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    write(&mut ledger, 1, What::Use).await;
    write(&mut ledger, most + 10, want()).await;
    let loaded = ledger.load().await.expect("read");
    let has = |number| loaded.iter().any(|record| record.pair == pair(number));
    // The newest, the one with a file, the one that waits, and the one that was asked for lately.
    assert_eq!(loaded.len(), MIRRORED + 2);
    for (number, there) in [(0, true), (1, true), (2, false), (most + 9, true), (most + 10, true)] {
        assert_eq!(has(number), there, "{number}");
    }
    // What was not loaded is there all the same.
    let record = write(&mut ledger, 2, want()).await.expect("there");
    assert!(matches!(record.state, RecordState::Ready { .. }));
    ledger.tidy(HOUR).await.expect("written");
    assert_eq!(ledger.load().await.expect("read").len(), MIRRORED + 2);
    tokio::time::sleep(Duration::from_millis(2)).await;
    ledger.tidy(Duration::ZERO).await.expect("written");
    let left = ledger.load().await.expect("read");
    assert_eq!(left.iter().map(|record| &record.pair).collect::<Vec<_>>(), [&pair(most + 10)]);
    ledger.close().await;
}

#[tokio::test]
async fn a_database_keeps_more_than_a_server_mirrors() {
    check_size(tempfile::tempdir().expect("a folder").path()).await;
    check_size(&Database::new()).await;
}

#[tokio::test]
async fn the_model_is_a_ledger() {
    check(&Model::default()).await;
}

#[tokio::test]
async fn sqlite_is_a_ledger() {
    let folder = tempfile::tempdir().unwrap();
    check(folder.path()).await;
}

#[tokio::test]
async fn postgresql_is_a_ledger() {
    check(&Database::new()).await;
}

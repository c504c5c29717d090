//! What several servers find.

use std::time::Duration;

use super::postgres::Database;
use super::{Place, WISH, claim, failed, heard, held, pair, ready, tagged, want, wanted_by, write};
use crate::server::build::Blame;
use crate::server::jobs::ledger::{Candidate, Holder, Ledger as _, Model, RecordState, Sign, What};

async fn check(place: &impl Place) {
    each_job_has_one_holder(place).await;
    nobody_but_the_holder_says_what_comes_of_a_job(place).await;
    what_one_does_the_others_hear(place).await;
    a_job_goes_when_nobody_anywhere_wants_it(place).await;
    a_wish_of_several_is_one_job(place).await;
    a_job_is_left_to_who_has_its_layers_and_a_place(place).await;
    one_leads(place).await;
}

async fn each_job_has_one_holder(place: &impl Place) {
    let (mut one, mut other) = (place.server("a").await, place.server("b").await);
    for number in 0..20 {
        write(&mut one, number, want()).await;
    }
    let all: Vec<u64> = (0..20).collect();
    let mut held = Vec::new();
    loop {
        let (first, second) = tokio::join!(claim(&mut one, &all), claim(&mut other, &all));
        if first.is_none() && second.is_none() {
            break;
        }
        held.extend(first.into_iter().chain(second).map(|truth| truth.pair));
    }
    held.sort_unstable();
    held.dedup();
    assert_eq!(held.len(), 20);
    one.close().await;
    other.close().await;
}

async fn nobody_but_the_holder_says_what_comes_of_a_job(place: &impl Place) {
    let (mut one, mut other) = (place.server("a").await, place.server("b").await);
    held(&mut one, 30).await;
    write(&mut one, 30, What::Begin).await;
    let expires = std::time::SystemTime::now() + Duration::from_secs(3600);
    for what in [What::Begin, What::Return, ready(tagged()), failed(Blame::Refused, expires)] {
        let seen = write(&mut other, 30, what).await.expect("there");
        assert_eq!((seen.state, seen.holder), (RecordState::Preparing, Holder::Another));
    }
    assert!(write(&mut other, 30, What::Displace).await.is_some());
    let record = write(&mut one, 30, ready(tagged())).await.expect("there");
    assert!(matches!(record.state, RecordState::Ready { .. }));
    one.close().await;
    other.close().await;
}

async fn what_one_does_the_others_hear(place: &impl Place) {
    let (mut one, mut other) = (place.server("a").await, place.server("b").await);
    let nothing = heard(&mut other, 40).await;
    assert!(matches!(nothing, None | Some(None)));
    write(&mut one, 40, want()).await;
    let record = heard(&mut other, 40).await.flatten().expect("it was heard");
    assert_eq!(record.state, RecordState::Pending);
    claim(&mut one, &[40]).await.expect("it waits");
    let record = heard(&mut other, 40).await.flatten().expect("it was heard");
    assert_eq!((record.state, record.holder), (RecordState::Pending, Holder::Another));
    write(&mut one, 40, What::Begin).await;
    write(&mut one, 40, ready(tagged())).await;
    let record = heard(&mut other, 40).await.flatten().expect("it was heard");
    assert!(matches!(record.state, RecordState::Ready { built, .. } if built == tagged()));
    // Forgotten and asked for anew in one moment, it is there; forgotten, it is not.
    write(&mut one, 40, What::Forget).await;
    write(&mut one, 40, wanted_by("fleet", None, true)).await;
    let record = heard(&mut other, 40).await.flatten().expect("it was heard");
    assert!(record.release);
    claim(&mut one, &[40]).await.expect("it waits");
    write(&mut one, 40, ready(tagged())).await;
    write(&mut one, 40, What::Forget).await;
    assert_eq!(heard(&mut other, 40).await, Some(None));
    one.close().await;
    other.close().await;
}

async fn a_job_goes_when_nobody_anywhere_wants_it(place: &impl Place) {
    let (mut one, mut other) = (place.server("a").await, place.server("b").await);
    write(&mut one, 50, want()).await;
    write(&mut other, 50, want()).await;
    tokio::time::sleep(WISH).await;
    other.beat(Sign { wanted: &[pair(50)], ..Sign::default() }).await.expect("written");
    assert!(write(&mut one, 50, What::Unwant).await.is_some(), "the other wants it");
    tokio::time::sleep(WISH).await;
    assert_eq!(write(&mut other, 50, What::Unwant).await, None);
    // One that is built is its holder's to end.
    held(&mut one, 51).await;
    write(&mut one, 51, What::Begin).await;
    heard(&mut one, 51).await;
    write(&mut other, 51, want()).await;
    tokio::time::sleep(WISH).await;
    write(&mut other, 51, What::Unwant).await.expect("it is built");
    tokio::time::sleep(WISH).await;
    assert_eq!(write(&mut one, 51, What::Unwant).await, None);
    one.close().await;
    other.close().await;
}

async fn a_wish_of_several_is_one_job(place: &impl Place) {
    let (mut one, mut other) = (place.server("a").await, place.server("b").await);
    for number in 60..80 {
        let (first, second) =
            tokio::join!(write(&mut one, number, want()), write(&mut other, number, want()));
        assert!(first.is_some() && second.is_some());
    }
    let records = one.load().await.expect("read");
    let found = records.iter().filter(|record| (60..80).any(|number| record.pair == pair(number)));
    assert_eq!(found.count(), 20);
    one.close().await;
    other.close().await;
}

async fn a_job_is_left_to_who_has_its_layers_and_a_place(place: &impl Place) {
    let (mut has, mut other) = (place.server("a").await, place.server("b").await);
    let images = [pair(90).source.digest, pair(91).target.digest];
    has.beat(Sign { images: &images, ..Sign::default() }).await.expect("written");
    for number in 90..95 {
        write(&mut other, number, want()).await;
    }
    let patient = |number| Candidate { pair: pair(number), patient: true };
    let left = other.claim(&[patient(90), patient(91)]).await.expect("asked");
    assert_eq!(left, None);
    let taken = other.claim(&[patient(90), patient(92)]).await.expect("claimed");
    assert_eq!(taken.map(|truth| truth.pair), Some(pair(92)));
    // Who has waited long enough leaves nothing to anybody, nor does who has the layers.
    assert!(claim(&mut other, &[91]).await.is_some());
    assert!(has.claim(&[patient(90)]).await.expect("claimed").is_some());
    // With no place left, it is nobody to leave jobs to.
    let more = [pair(94).source.digest];
    has.beat(Sign { images: &more, ..Sign::default() }).await.expect("written");
    assert_eq!(other.claim(&[patient(94)]).await.expect("asked"), None);
    assert!(claim(&mut has, &[93]).await.is_some());
    assert!(other.claim(&[patient(94)]).await.expect("claimed").is_some());
    has.close().await;
    other.close().await;
}

async fn one_leads(place: &impl Place) {
    let (mut one, mut other) = (place.server("a").await, place.server("b").await);
    assert!(!one.leads() && !other.leads());
    for _ in 0..3 {
        one.beat(Sign::default()).await.expect("written");
        other.beat(Sign::default()).await.expect("written");
        assert!(one.leads() && !other.leads());
    }
    one.close().await;
    other.beat(Sign::default()).await.expect("written");
    assert!(other.leads());
    other.close().await;
}

#[tokio::test]
async fn servers_share_the_model() {
    check(&Model::default()).await;
}

#[tokio::test]
async fn servers_share_a_postgresql() {
    check(&Database::new()).await;
}

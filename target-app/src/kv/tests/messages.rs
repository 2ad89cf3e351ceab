//! Publish and subscribe without failures.

use super::*;

on_both![
    everyone_hears_everything_in_order,
    who_does_not_keep_up_is_told_so,
    ears_end_with_the_store,
];

async fn everyone_hears_everything_in_order(kv: Kv) {
    let mut ears = [
        subscriber(&kv, Channel::Sessions).await,
        subscriber(&kv.clone(), Channel::Sessions).await,
    ];
    let mut elsewhere = subscriber(&kv, Channel::Invalidations).await;
    for number in 0..100_u8 {
        let message = Bytes::from(vec![number, 0, 0xff]);
        kv.publish(Channel::Sessions, message)
            .await
            .expect("publishes");
    }
    let last = Bytes::from_static(b"");
    kv.publish(Channel::Invalidations, last.clone())
        .await
        .expect("publishes");
    for subscriber in &mut ears {
        for number in 0..100_u8 {
            let message = Bytes::from(vec![number, 0, 0xff]);
            assert_eq!(next(subscriber).await, Some(Notice::Message(message)));
        }
    }
    assert_eq!(next(&mut elsewhere).await, Some(Notice::Message(last)));
}

async fn who_does_not_keep_up_is_told_so(kv: Kv) {
    const MESSAGES: u32 = 1_500;
    let mut slow = subscriber(&kv, Channel::Sessions).await;
    let mut quick = subscriber(&kv, Channel::Sessions).await;
    let last = Notice::Message(MESSAGES.to_string().into());
    let arrived = tokio::spawn({
        let last = last.clone();
        async move { while next(&mut quick).await.is_some_and(|notice| notice != last) {} }
    });
    for number in 0..=MESSAGES {
        let message = Bytes::from(number.to_string());
        kv.publish(Channel::Sessions, message)
            .await
            .expect("publishes");
    }
    arrived.await.expect("the last message arrives");
    assert_eq!(next(&mut slow).await, Some(Notice::Lost));
    assert_eq!(next(&mut slow).await, Some(Notice::Back));
    let mut heard = 0;
    loop {
        let notice = next(&mut slow).await.expect("the store is there");
        assert!(matches!(notice, Notice::Message(_)), "{notice:?}");
        heard += 1;
        if notice == last {
            break;
        }
    }
    assert!(heard < MESSAGES, "{heard}");
}

async fn ears_end_with_the_store(kv: Kv) {
    let mut subscriber = subscriber(&kv, Channel::Sessions).await;
    let clone = kv.clone();
    drop(kv);
    clone
        .publish(Channel::Sessions, "1".into())
        .await
        .expect("publishes");
    assert_eq!(
        next(&mut subscriber).await,
        Some(Notice::Message("1".into()))
    );
    drop(clone);
    assert_eq!(next(&mut subscriber).await, None);
}

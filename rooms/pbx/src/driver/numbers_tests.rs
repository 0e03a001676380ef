//! What the account's own numbers lead to, and what others need.

use web::Fields;

use super::apps_tests::house;
use crate::{Error, ops, ops::places::Named};

#[tokio::test]
async fn a_number_is_one_things_whoever_had_it_first() {
    let house = house().await;
    let (desk, who) = (house.pbx.desk(), &house.who);
    let name = |kind: &str, number: &str| Some(format!("{kind} {number}"));
    let number = |number: &str| Some(number.to_owned());
    let make = async |kind: &str, at: &str| -> bool {
        match kind {
            "extension" => {
                let fill = ops::extensions::Fill::default();
                let new = ops::extensions::NewExtension { number: number(at), sip_password: None, fill };
                ops::extensions::create(&desk, who, new, Fields::new()).await.is_ok()
            }
            "queue" => {
                let (name, queue_number) = (name(kind, at), number(at));
                let fill = ops::queues::Fill { name, queue_number, ..ops::queues::Fill::default() };
                ops::queues::create(&desk, who, fill, Fields::new()).await.is_ok()
            }
            "menu" => {
                let otherwise = Named { kind: "hangup".to_owned(), target: String::new() };
                let (name, number) = (name(kind, at), number(at));
                let fill = ops::menus::Fill { name, number, otherwise, ..ops::menus::Fill::default() };
                ops::menus::create(&desk, who, fill, Fields::new()).await.is_ok()
            }
            _ => {
                let (name, number, members) = (name(kind, at), number(at), vec!["1001".to_owned()]);
                let fill = ops::ring_groups::Fill { name, number, members, ..ops::ring_groups::Fill::default() };
                ops::ring_groups::create(&desk, who, fill, Fields::new()).await.is_ok()
            }
        }
    };
    let kinds = ["extension", "queue", "menu", "ring group"];
    for (at, first) in kinds.iter().enumerate() {
        let taken = format!("80{at}");
        assert!(make(first, &taken).await, "{first} has {taken}");
        for second in kinds {
            assert!(!make(second, &taken).await, "{second} has the number of the {first}");
        }
    }
    let free = ops::extensions::available_numbers(&desk, who, Some("800"), Some("805"), None).await.unwrap();
    assert_eq!(free, ["804", "805"]);
}

#[tokio::test]
async fn what_a_queue_needs_stays() {
    let house = house().await;
    let (desk, who) = (house.pbx.desk(), &house.who);
    let otherwise = Named { kind: "hangup".to_owned(), target: String::new() };
    let fill = ops::menus::Fill { name: Some("late".to_owned()), otherwise, ..ops::menus::Fill::default() };
    let menu = ops::menus::create(&desk, who, fill, Fields::new()).await.unwrap();
    let fill = ops::queues::Fill {
        name: Some("help".to_owned()),
        queue_number: Some("800".to_owned()),
        overflow_kind: Some(Some("menu".to_owned())),
        overflow_target: Some(Some(menu.id.to_string())),
        ..ops::queues::Fill::default()
    };
    ops::queues::create(&desk, who, fill, Fields::new()).await.unwrap();
    assert!(matches!(ops::menus::delete(&desk, who, menu.id).await, Err(Error::InUse { .. })));
}

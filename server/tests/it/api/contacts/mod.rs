//! `/api/contacts`: whose number is it, and who is known.

mod people;

use contacts::NewContact;
use domain::{Permission, principal::Role};
use serde_json::json;

use crate::support::TestServer;

#[tokio::test]
async fn a_hit_is_the_contact_and_a_miss_is_null() {
    let server = TestServer::start().await;
    let new =
        NewContact { full_name: "Trần Lan".to_owned(), phones: vec!["0987654321".to_owned()], customer_id: Some(9) };
    let id = server.rooms.contacts.create(&server.host(), &new).await.unwrap();
    let token = server.machine_token(&server.host(), &[Permission::PbxApiAccess]).await;
    let hit = server.get(&token, "/api/contacts/lookup?number=%2B84987654321").await;
    assert_eq!(
        (hit.status.as_u16(), hit.json),
        (
            200,
            json!({"data": {
                "id": id, "full_name": "Trần Lan", "phones": ["0987654321"], "customer_id": 9, "lead_id": null,
            }})
        )
    );
    let miss = server.get(&token, "/api/contacts/lookup?number=0987654320").await;
    assert_eq!((miss.status.as_u16(), miss.json), (200, json!({"data": null})));
    let none = server.get(&token, "/api/contacts/lookup").await;
    assert_eq!(none.status, 422);
    assert_eq!(none.json["errors"], json!({"number": ["The number field is required."]}));

    let (_, other) = server.another_account("other", None).await;
    let stranger = server.user_token(&other, "an", Role::Admin).await;
    let foreign = server.get(&stranger, "/api/contacts/lookup?number=0987654321").await;
    assert_eq!((foreign.status.as_u16(), foreign.json), (200, json!({"data": null})));
    server.stop().await;
}

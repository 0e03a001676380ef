use std::time::Duration;

use sandbox::{Carrier, carrier, phone};

use super::*;
use crate::Ports;

#[tokio::test]
async fn the_caller_signs_in_talks_and_hangs_up() {
    let ports = Ports::take().unwrap();
    let login = carrier::Customers::Login { username: "1001".to_owned(), password: "secret".to_owned() };
    let config = carrier::Config { customers: login, hears: Duration::ZERO, ..carrier::Config::on_loopback() };
    let carrier = Carrier::open(config, phone::media(39_100..=39_199).unwrap()).await.unwrap();
    let scenario = scenario::caller(&carrier.address().to_string(), "1001", "secret", 200);
    let caller =
        Sipp::new(&scenario, ports.address(0)).remote(carrier.address()).argument("-s", "84287").calls(3, 10, 3);
    caller.run().await.unwrap().assert_successful(3);
    assert_eq!(carrier.calls().len(), 3);
}

#[tokio::test]
async fn the_callee_answers_sipps_own_caller() {
    let ports = Ports::take().unwrap();
    let (us, them) = (ports.address(1), ports.address(0));
    let callee = Sipp::new(&scenario::callee(scenario::Answer::Accepts), them).calls(3, 10, 10).start().unwrap();
    let caller = Command::new("sipp")
        .args(["-sn", "uac", "-nostdin", "-m", "3", "-r", "10", "-timeout", "20s", "-i", "127.0.0.1", "-p"])
        .args([us.port().to_string(), them.to_string()])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .await
        .unwrap();
    assert!(caller.success());
    callee.finish().await.unwrap().assert_successful(3);
}

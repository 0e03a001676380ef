use super::*;
use crate::Ports;

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

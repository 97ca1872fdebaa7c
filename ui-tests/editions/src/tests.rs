//! The services, called in this edition.

use micro::{CallError, Connection, DevServer, Result, Service, ServiceBuilder};

use super::{
    elsewhere, errors, events, forms, generic, grammar, hundred, macros, modules, names, traced,
};

async fn connection() -> Result<(DevServer, Connection)> {
    let server = DevServer::start().await?;
    let connection = Connection::connect(&server.url()).await?;
    Ok((server, connection))
}

#[micro::test]
async fn every_argument_is_taken() -> Result<()> {
    let (_server, nats) = connection().await?;
    let _running = ServiceBuilder::of(grammar::Numbers).start(&nats).await?;
    let numbers = grammar::NumbersCaller::new(&nats);
    let operands = grammar::Operands { a: 1.0, b: 0.0 };
    assert!((numbers.add(&operands).await? - 1.0).abs() < f64::EPSILON);
    let refused = numbers.divide(&operands).await;
    assert!(matches!(
        refused,
        Err(CallError::Service(grammar::MathError::DivideByZero { .. }))
    ));
    let history = numbers
        .history(
            &1,
            &"ada".to_owned(),
            &Some("a".to_owned()),
            &3,
            &micro::Bytes::from_static(b"12"),
        )
        .header("Authorization", "bob")
        .await?;
    assert_eq!(history, ["ada", "bob", "a", "2 bytes of numbers"]);
    numbers.ping().await?;
    Ok(())
}

#[micro::test]
async fn every_form_answers() -> Result<()> {
    let (_server, nats) = connection().await?;
    let _running = ServiceBuilder::of(forms::Forms(1.0)).start(&nats).await?;
    let forms = forms::FormsClient::new(&nats);
    assert_eq!(forms.grouped(&1, &"b".to_owned()).await?, "b 1");
    assert!(forms.headers(&Some(2), &2).await?);
    assert!(!forms.headers(&None, &2).await?);
    assert_eq!(forms.r#gen(&1, &2, &3).await?, 6);
    assert_eq!(forms.r#type(&1).await?, 1);
    assert_eq!(
        forms.context_and_string(&"a ".to_owned()).await?,
        "a context_and_string"
    );
    assert!(forms.refusable_unit(&0).await.is_err());
    forms.unit(&()).await?;
    forms.sometimes().await?;
    Ok(())
}

#[micro::test]
async fn clients_have_the_bounds_of_the_service() -> Result<()> {
    let (_server, nats) = connection().await?;
    let service = generic::Projected::of(vec![1_u8, 2]);
    let _running = ServiceBuilder::of(service).start(&nats).await?;
    let client = generic::ProjectedClient::<Vec<u8>>::new(&nats);
    assert_eq!(client.get().await?, [1, 2]);
    assert_eq!(client.put(&vec![vec![3], vec![4]]).await?, [3]);
    Ok(())
}

#[micro::test]
async fn macros_of_other_crates_write_services() -> Result<()> {
    let (_server, nats) = connection().await?;
    let _whole = ServiceBuilder::of(elsewhere::Whole).start(&nats).await?;
    let _parts = ServiceBuilder::of(elsewhere::Parts).start(&nats).await?;
    let _path = ServiceBuilder::of(elsewhere::ByPath).start(&nats).await?;
    assert_eq!(
        elsewhere::WholeClient::new(&nats)
            .add(&1, &Some(2), &(3, 4))
            .await?,
        10
    );
    assert_eq!(elsewhere::PartsCaller::new(&nats).double(&2).await?, 4);
    let refused = elsewhere::ByPathClient::new(&nats).refuse(&7).await;
    assert!(matches!(
        refused,
        Err(CallError::Service(elsewhere::Refused::Value(7)))
    ));
    Ok(())
}

#[micro::test]
async fn names_of_a_persons_own_are_in_nobodys_way() -> Result<()> {
    let (_server, nats) = connection().await?;
    let _methods = ServiceBuilder::of(names::methods::Methods)
        .start(&nats)
        .await?;
    let _own = ServiceBuilder::of(names::own::Own).start(&nats).await?;
    let refused = names::methods::MethodsClient::new(&nats)
        .of(&1, &Some(1), &names::Pair { field: 1 })
        .await;
    assert!(matches!(
        refused,
        Err(CallError::Service(names::methods::Refused::One(1)))
    ));
    let own = names::own::OwnClient::new(&nats);
    assert_eq!(own.clone(&1).await?, 1);
    assert_eq!(own.call(&1, &2).await?, 3);
    assert_eq!(own.drop(&1, &2).await?, 3);
    assert_eq!(own.types(&1, &2, &3).await?, 2);
    let debug = format!("{own:?}");
    assert!(debug.starts_with("OwnClient { caller: Caller"), "{}", debug);
    Ok(())
}

#[micro::test]
async fn instrumented_handlers_answer() -> Result<()> {
    let (_server, nats) = connection().await?;
    let _running = ServiceBuilder::of(traced::Traced).start(&nats).await?;
    let traced = traced::TracedClient::new(&nats);
    assert_eq!(traced.above(&1).await?, 1);
    assert_eq!(traced.below(&1).await?, 1);
    assert_eq!(traced.both(&(1, 2)).await?, 3);
    Ok(())
}

#[test]
fn the_tables_are_complete() {
    assert_eq!(hundred::Hundred::ENDPOINTS.len(), 100);
    assert_eq!(events::Ears::SUBSCRIBERS.len(), 4);
    assert!(events::Ears::ENDPOINTS.is_empty());
    assert_eq!(macros::Plain::SUBSCRIBERS[0].def.subject, "macros.double");
    assert!(forms::Empty::ENDPOINTS.is_empty());
    assert_eq!(macros::Plain::INFO.name, "plain");
    assert_eq!(macros::Method::INFO.name, "method");
    assert_eq!(
        (modules::private::hidden(), modules::local()),
        ("Hidden", "Local")
    );
    assert_eq!(generic::private_bound::name(), "Bound");
    assert_eq!(errors::private().message(), "private");
}

#[test]
fn registered_services_are_found() {
    let registry = micro::Registry::collect().unwrap();
    let known = [
        "numbers",
        "bare",
        "types",
        "Macros",
        "Functions",
        "Methods",
        "ByName",
    ];
    assert!(registry.expect(known).is_ok());
}

// Temporaries of every kind in statements with co_await, which gcc 12 gets wrong for some types: under
// AddressSanitizer this shows that it gets all of ours right, in a program made from the single header.
#include <hdikafka.hpp>

#include <asio/experimental/awaitable_operators.hpp>

namespace hk = hdikafka;
using namespace std::chrono_literals;

namespace {

std::string environment(char const* name)
{
    char const* const value = std::getenv(name);
    return value ? value : "";
}

// Too long to be kept inside the string object: a second free of it is seen.
std::string long_text(std::string const& end) { return "a text that lies on the heap, with its end: " + end; }

void check(bool fact, char const* what)
{
    if (!fact)
        throw std::runtime_error(std::string("not so: ") + what);
}

std::size_t count_of(std::pair<std::string, hk::receipt> const& pair) { return pair.second.size(); }
std::optional<hk::json> some_key(bool any)
{
    return any ? std::optional<hk::json>(long_text("key")) : std::nullopt;
}

asio::awaitable<void> topics(hk::client client, std::string topic)
{
    co_await client.create_topic(std::string(topic),
                                 hk::topic_config()
                                     .partition_count(1)
                                     .replication_factor(1)
                                     .set("retention.ms", 604800000)
                                     .set(std::string("cleanup.policy"), long_text("policy").substr(0, 6)),
                                 hk::call_options().timeout(20s).request_id(std::string(40, 'r')));
    co_await client.wait_for_topic(topic + "", 20s,
                                   hk::call_options().request_id("a" + std::string(40, 'b')));
    check((co_await client.topics()).size() > 0, "a topic");
    check((co_await client.partition(topic, 0)).id == 0, "its partition");
    check(!(co_await client.topics(hk::call_options().timeout(20s))).empty() &&
              !(co_await client.brokers()).empty(),
          "topics and brokers");
    check((co_await client.partitions(topic)).empty() || (co_await client.partitions(topic)).size() == 1,
          "partitions, asked for twice");
}

asio::awaitable<void> producing(hk::client client, std::string topic)
{
    co_await client.produce(topic, hk::records(hk::record(long_text("key"), long_text("value")).partition(0),
                                               hk::record(3.14).partition(0)));
    co_await client.produce(topic,
                            hk::records(long_text("one"), 1, -2L, 18446744073709551615ULL, 2.5f, nullptr,
                                        true, std::string_view("view"), hk::json::parse(R"([1,{"a":null}])"),
                                        hk::json(long_text("json"))));
    co_await client.produce(long_text("").substr(0, 0) + topic,
                            hk::record("k", hk::json::parse(R"({"a":"b"})")),
                            hk::call_options().timeout(1min));
    co_await client.produce(topic, std::vector<hk::record>(2, hk::record(long_text("k"), long_text("v"))));
    co_await client.produce(topic,
                            hk::record(some_key(true).value_or("none"), some_key(false).value_or("none")));
    co_await client.produce(topic, hk::record(hk::json::try_parse("[1, 2]").value()));
    co_await client.produce(topic, hk::record(std::pair(long_text("first"), 2).first));
    co_await client.produce(topic, hk::record(std::get<1>(std::tuple(1, long_text("second"), 3.0))));
    auto const four = count_of(std::pair(
        long_text("pair"), co_await client.produce(topic, hk::records(1, 2, 3, long_text("four")))));
    check(four == 4, "four records");
    hk::records list;
    list.push_back(hk::record(long_text("listed")));
    co_await client.produce(topic, list);
    co_await client.produce(topic, std::move(list), hk::call_options());
}

asio::awaitable<void> reading(hk::client client, std::string topic)
{
    auto const batch = co_await client.fetch(topic, 0, 0, 1000, hk::call_options().timeout(20s));
    check(batch.size() == 25, "all records");
    check(batch[0].value().as_string() == long_text("value"), "the first record");
    check((co_await client.fetch(std::string(topic), 0, 1, 1))[0].value().text() == "3.14",
          "a batch unnamed");
    auto stream = client.consume(std::string(topic), 0,
                                 hk::consume_options().from(hk::earliest).until(hk::latest).max_records(5));
    std::size_t seen = 0;
    while (auto part = co_await stream.next(hk::call_options().timeout(20s).request_id(std::string(40, 'p'))))
        seen += part->size();
    check(seen == batch.size(), "all records again");
    auto one_by_one = client.consume(topic, 0, hk::consume_options().from(1).until(3).poll(1ms, 2ms));
    while (auto record = co_await one_by_one.next_record())
        check(record->offset() < 3, "the end of a stream");
}

asio::awaitable<void> results(hk::client client, std::string topic)
{
    auto const sent = co_await hk::as_result(client.produce(topic, hk::records(long_text("x"), 2)));
    check(sent.value().persisted() == hk::persistence::done, "a result");
    auto const refused =
        co_await hk::as_result(client.fetch(topic + "/", 0, 0, 1, hk::call_options().timeout(20s)));
    check(refused.error().code() == hk::errc::invalid_topic, "a refusal");
    check((co_await hk::as_result(client.partitions(long_text("nowhere").substr(0, 6))))
                  .error()
                  .info()
                  .operation == "partitions",
          "an error's operation");
    using namespace asio::experimental::awaitable_operators;
    auto const [receipt, brokers] =
        co_await (client.produce(topic, hk::records(long_text("both"), 2)) && client.brokers());
    check(receipt.size() == 2 && !brokers.empty(), "two calls at once");
    auto const first = co_await (client.topics() || client.partitions(topic));
    check(first.index() < 2, "the first of two calls");
}

asio::awaitable<void> all(hk::client client, std::string topic)
{
    co_await topics(client, topic);
    co_await producing(client, topic);
    co_await reading(client, topic);
    co_await results(client, topic);
}

} // namespace

int main(int, char** arguments)
{
    asio::io_context io;
    hk::client client(io.get_executor(),
                      hk::client_options(environment("HDIKAFKA_ENDPOINT"))
                          .credential(hk::client_secret_credential(environment("AZURE_TENANT_ID"),
                                                                   environment("AZURE_CLIENT_ID"),
                                                                   environment("AZURE_CLIENT_SECRET"))));
    asio::co_spawn(io, all(client, arguments[1]), [](std::exception_ptr failure) {
        if (failure)
            std::rethrow_exception(failure);
    });
    io.run();
}

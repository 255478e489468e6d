// Every operation of a client and of its stream, made alike; and a server's good answers to all of them.
#ifndef HDIKAFKA_TESTS_SUPPORT_FAULT_OPERATIONS_HPP
#define HDIKAFKA_TESTS_SUPPORT_FAULT_OPERATIONS_HPP

#include "support/net/running.hpp"

#include <asio/any_io_executor.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace test {

/// Who is asked: a client, and a stream of it.
class subject
{
public:
    subject(net::any_io_executor const& executor, hk::client_options options, hk::offset_spec from)
        : client(executor, std::move(options)), stream(client.consume("orders", 0, reading().from(from)))
    {}

    hk::client client;
    hk::record_stream stream;

private:
    /// A stream that finds nothing looks again after a long time. It reads when it is asked, so that requests
    /// can be counted.
    static hk::consume_options reading() { return hk::consume_options().poll(500ms, 500ms).read_ahead(0); }
};

/// One operation; its outcome is a text.
class operation
{
public:
    using function = net::awaitable<std::string> (*)(subject* who, hk::call_options options);

    std::string name;     ///< In tables.
    std::string reported; ///< As errors call it.
    std::string topic;    ///< As errors name it.
    function call = nullptr;
    std::string good;                    ///< What it gives when all is well.
    std::string good_again;              ///< What it gives after that: a stream goes on.
    std::string line;                    ///< How its first request begins.
    std::size_t requests = 1;            ///< How many it makes when all is well.
    std::size_t requests_again = 1;      ///< How many it makes after that.
    std::size_t fresh = 0;               ///< How many of them go over a connection of their own.
    bool needs_token = true;             ///< Its requests show one.
    bool records = false;                ///< Writes records, which must not be there twice.
    bool at_least_once = false;          ///< They may, after all.
    bool reads_on = false;               ///< What it has begun goes on when the caller alone gives up.
    bool pauses = false;                 ///< Waits between looks for what is not there yet.
    hk::offset_spec from = hk::earliest; ///< Where the stream starts.
};

namespace operations {

inline net::awaitable<std::string> status(subject* who, hk::call_options options)
{
    auto text = co_await who->client.status(std::move(options));
    co_return text;
}

inline net::awaitable<std::string> brokers(subject* who, hk::call_options options)
{
    auto const all = co_await who->client.brokers(std::move(options));
    co_return all.at(0).host;
}

inline net::awaitable<std::string> topics(subject* who, hk::call_options options)
{
    auto const all = co_await who->client.topics(std::move(options));
    co_return all.at(0);
}

inline net::awaitable<std::string> partitions(subject* who, hk::call_options options)
{
    auto const all = co_await who->client.partitions("orders", std::move(options));
    co_return std::to_string(all.at(0).latest_offset);
}

inline net::awaitable<std::string> partition(subject* who, hk::call_options options)
{
    auto const one = co_await who->client.partition("orders", 0, std::move(options));
    co_return std::to_string(one.latest_offset);
}

inline net::awaitable<std::string> create_topic(subject* who, hk::call_options options)
{
    hk::topic_config const config = hk::topic_config().partition_count(1);
    co_await who->client.create_topic("orders", config, std::move(options));
    co_return "created";
}

inline net::awaitable<std::string> delete_topic(subject* who, hk::call_options options)
{
    co_await who->client.delete_topic("orders", std::move(options));
    co_return "deleted";
}

inline net::awaitable<std::string> wait_for_topic(subject* who, hk::call_options options)
{
    std::chrono::milliseconds const limit = options.timeout().value_or(60s);
    co_await who->client.wait_for_topic("orders", limit, std::move(options));
    co_return "there";
}

inline net::awaitable<std::string> produce(subject* who, hk::call_options options)
{
    hk::record const one = hk::record("key", "value").partition(0);
    auto const receipt = co_await who->client.produce("orders", one, std::move(options));
    co_return std::to_string(receipt.offset(0).value_or(-1));
}

inline net::awaitable<std::string> fetch(subject* who, hk::call_options options)
{
    auto const batch = co_await who->client.fetch("orders", 0, 0, 10, std::move(options));
    co_return std::to_string(batch[0].offset()) + batch[0].value().as_string();
}

inline net::awaitable<std::string> next(subject* who, hk::call_options options)
{
    auto const batch = co_await who->stream.next(std::move(options));
    co_return batch ? std::to_string((*batch)[0].offset()) + (*batch)[0].value().as_string() : "end";
}

inline net::awaitable<std::string> next_record(subject* who, hk::call_options options)
{
    auto const record = co_await who->stream.next_record(std::move(options));
    co_return record ? std::to_string(record->offset()) + record->value().as_string() : "end";
}

inline net::awaitable<std::string> lag(subject* who, hk::call_options options)
{
    auto const offsets = co_await who->stream.lag(std::move(options));
    co_return std::to_string(offsets);
}

} // namespace operations

/// All of them. A stream's next() begins with a look at the watermarks or with a read.
inline std::vector<operation> all_operations()
{
    std::string const one = "/v1/metadata/topics/orders/partitions/0 ";
    std::string const read = "GET /v1/consumer/topics/orders/partitions/0/offsets/0?";
    std::vector<operation> all;
    auto const add = [&all](std::string name, std::string topic, operation::function call, std::string good,
                            std::string line) -> operation& {
        operation& made = all.emplace_back();
        made.name = name;
        made.reported = std::move(name);
        made.topic = std::move(topic);
        made.call = call;
        made.good_again = good;
        made.good = std::move(good);
        made.line = std::move(line);
        return made;
    };
    add("status", "", &operations::status, "up", "GET /v1/status ").needs_token = false;
    add("brokers", "", &operations::brokers, "wn0", "GET /v1/metadata/brokers ");
    add("topics", "", &operations::topics, "orders", "GET /v1/metadata/topics ");
    add("partitions", "orders", &operations::partitions, "5", "GET /v1/metadata/topics/orders/partitions ");
    add("partition", "orders", &operations::partition, "5", "GET " + one);
    add("create_topic", "orders", &operations::create_topic, "created", "PUT /v1/topics/orders ");
    add("delete_topic", "orders", &operations::delete_topic, "deleted", "DELETE /v1/topics/orders ");
    auto& waiting =
        add("wait_for_topic", "orders", &operations::wait_for_topic, "there", "GET /v1/metadata/topics ");
    waiting.pauses = true;
    waiting.requests = waiting.requests_again = 6; // three times the list, and the topic's partitions
    waiting.fresh = 2;
    add("produce", "orders", &operations::produce, "4", "POST /v1/producer/topics/orders ").records = true;
    add("fetch", "orders", &operations::fetch, "0v", read);

    auto& next = add("next", "orders", &operations::next, "0v", read);
    next.from = 0;
    auto& looking = add("next, looking", "orders", &operations::next, "0v", "GET " + one);
    looking.requests = 2;
    auto& single = add("next_record", "orders", &operations::next_record, "0v", read);
    single.from = 0;
    for (operation* const one_of_stream : {&all[all.size() - 3], &all[all.size() - 2], &all.back()}) {
        one_of_stream->reported = "consume";
        one_of_stream->pauses = true;
        one_of_stream->reads_on = true;
        one_of_stream->good_again = "1v";
    }
    add("lag", "orders", &operations::lag, "5", "GET " + one);
    return all;
}

inline std::vector<std::string> names_of(std::vector<operation> const& operations)
{
    std::vector<std::string> names;
    for (operation const& one : operations)
        names.push_back(one.name);
    return names;
}

/// What a server that is well answers to any of their requests, and an authority to one for a token.
inline std::string good_answer(seen_request const& request)
{
    std::string const& line = request.line;
    std::string const partition = R"({"partition_id":0,"earliest_offset":0,"latest_offset":5})";
    auto const about = [&line](std::string_view path) { return line.find(path) != std::string::npos; };
    std::string const offsets = "/offsets/";
    if (about("/oauth2/"))
        return http(200, R"({"token_type":"Bearer","expires_in":3599,"access_token":"token"})");
    if (about(offsets)) {
        std::size_t const at = line.find(offsets) + offsets.size();
        return http(200, R"([{"value":"v","offset":)" + line.substr(at, line.find('?', at) - at) + "}]");
    }
    if (about("/partitions/0"))
        return http(200, partition);
    if (about("/partitions"))
        return http(200, R"({"partitions":[)" + partition + "]}");
    if (about("/producer/"))
        return http(200, R"({"offsets":[{"partition":0,"offset":4}]})");
    if (about("/v1/status "))
        return http(200, R"("up")");
    if (about("/brokers"))
        return http(200, R"({"brokers":[{"id":1,"hostName":"wn0","port":9092}]})");
    return about("GET ") ? http(200, R"({"topics":["orders"]})") : http(200, "");
}

/// Serves whatever comes, for ever.
inline script good_script() { return script().read().answer(good_answer).forever(); }

} // namespace test

#endif

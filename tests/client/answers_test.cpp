// What the client makes of answers that are wrong, and of refusals.
#include "support/net/running.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <string>
#include <vector>

using namespace test;

namespace {

/// One client against a server that gives every request the same bytes and then closes.
class one_answer
{
public:
    explicit one_answer(std::string bytes, int retries = 0)
        : server(script().serve(std::move(bytes)), std::nullopt),
          client(io.get_executor(),
                 options_for(server.endpoint()).allow_plain_http_to_loopback().retry(quickly(retries)))
    {}

    hk::error topics() { return run(io, client.topics()).error(); }
    hk::error fetch() { return run(io, client.fetch("orders", 3, 100, 10)).error(); }
    hk::error produce()
    {
        return run(io, client.produce("orders", hk::records(hk::record("key", "value")))).error();
    }
    hk::error create() { return run(io, client.create_topic("orders")).error(); }
    hk::error remove() { return run(io, client.delete_topic("orders")).error(); }

    scripted_server server;
    net::io_context io;
    hk::client client;
};

hk::error fetch_of(std::string const& body, std::string const& fields = "")
{
    return one_answer(http(200, body, fields)).fetch();
}

std::string const html = "<!DOCTYPE html><html><body>Please sign in</body></html>";

} // namespace

TEST_CASE("garbage instead of an answer is an error that names the operation")
{
    for (std::string const bytes :
         {"garbage\r\n\r\n", "SSH-2.0-OpenSSH_9.2\r\n", "HTTP/9.9 200 OK\r\n\r\n"}) {
        CAPTURE(bytes);
        hk::error const failure = one_answer(bytes).topics();
        CHECK(failure.code() == hk::errc::bad_status_line);
        check_what(failure, "topics");
        CHECK(failure.info().http_status == 0);
        CHECK_FALSE(failure.info().retriable());
    }
    hk::error const binary = one_answer(std::string(64, '\0') + "\r\n\r\n").produce();
    CHECK(binary.code() == hk::errc::bad_status_line);
    check_what(binary, "produce", "orders");
    CHECK(binary.info().persisted() == hk::persistence::possibly);
}

TEST_CASE("a record that is refused may be there all the same when an earlier attempt may have written it")
{
    std::string const refusal = http(200, R"({"offsets":[{"partition":0,"offset":4},{"error_code":40002,)"
                                          R"("error":"not now"}]})");
    for (bool const sent_before : {false, true}) {
        CAPTURE(sent_before);
        std::vector<script> scripts(1, script().read().send(refusal).stall());
        if (sent_before)
            scripts.insert(scripts.begin(), script().read().fin());
        scripted_server const server(std::move(scripts));
        net::io_context io;
        hk::client const client(io.get_executor(),
                                options_for(server.endpoint()).retry(quickly(1).at_least_once(true)));
        auto const told = run(io, client.produce("orders", hk::records(1, 2)));
        REQUIRE(told.good());
        auto const wanted = sent_before ? hk::persistence::possibly : hk::persistence::none;
        hk::receipt const& receipt = told.get().value();
        CHECK(receipt.persisted(0) == hk::persistence::done);
        CHECK(receipt.persisted(1) == wanted);
        REQUIRE(receipt.error(1));
        CHECK(receipt.error(1)->info().persisted() == wanted);
    }
}

TEST_CASE("half an answer, cut anywhere, is a lost connection and never a shorter answer")
{
    std::string const whole = http(200, R"({"topics":["orders"]})");
    for (std::size_t const size : {std::size_t(0), std::size_t(1), std::size_t(12), whole.size() / 2,
                                   whole.find("\r\n\r\n") + 4, whole.size() - 1}) {
        CAPTURE(size);
        hk::error const failure = one_answer(whole.substr(0, size)).topics();
        CHECK(failure.code() == hk::errc::connection_lost);
        CHECK(failure.info().retriable());
        check_what(failure, "topics");
    }
}

TEST_CASE("half an answer to a produce says that the records are possibly there, and is not sent again")
{
    std::string const whole = http(200, R"("done")");
    one_answer peer(whole.substr(0, whole.size() - 3), 3);
    hk::error const failure = peer.produce();
    CHECK(failure.code() == hk::errc::connection_lost);
    CHECK(failure.info().persisted() == hk::persistence::possibly);
    CHECK(peer.server.requests().size() == 1);
}

TEST_CASE("half an answer to a read is read again")
{
    std::string const whole = http(200, R"({"topics":["orders"]})");
    std::vector<script> scripts;
    scripts.push_back(script().serve(whole.substr(0, whole.size() - 3)));
    scripts.push_back(script().serve(whole));
    scripted_server server(std::move(scripts), std::nullopt);
    net::io_context io;
    hk::client client(io.get_executor(),
                      options_for(server.endpoint()).allow_plain_http_to_loopback().retry(quickly(1)));
    auto const end = run(io, client.topics());
    REQUIRE(end.good());
    CHECK(end.get().value() == std::vector<std::string>(1, "orders"));
    auto const seen = server.requests();
    REQUIRE(seen.size() == 2);
    CHECK(seen[0].field("x-ms-client-request-id") == seen[1].field("x-ms-client-request-id"));
}

TEST_CASE("ten megabytes of header are cut short")
{
    scripted_server server(
        script().read().send("HTTP/1.1 200 OK\r\n").pour("X-Filler: " + std::string(8000, 'x') + "\r\n"),
        std::nullopt);
    net::io_context io;
    hk::client client(io.get_executor(), options_for(server.endpoint()).allow_plain_http_to_loopback());
    hk::error const failure = run(io, client.topics()).error();
    CHECK(failure.code() == hk::errc::fields_too_long);
    check_what(failure, "topics");
    server.wait_for_ends(1);

    hk::error const one_field =
        one_answer("HTTP/1.1 200 OK\r\nX-Long: " + std::string(10'000'000, 'x') + "\r\n\r\n").topics();
    CHECK(one_field.code() == hk::errc::field_too_long);
    hk::error const one_line =
        one_answer("HTTP/1.1 200 " + std::string(10'000'000, 'x') + "\r\n\r\n").topics();
    CHECK(one_line.code() == hk::errc::status_line_too_long);
}

TEST_CASE("NUL in a header is refused")
{
    using namespace std::string_literals;
    CHECK(one_answer("HTTP/1.1 200 OK\r\nX-Odd: a\0b\r\nContent-Length: 0\r\n\r\n"s).topics().code() ==
          hk::errc::bad_field);
}

TEST_CASE("a web page with status 200 is no answer to any operation")
{
    std::string const page =
        "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: " + std::to_string(html.size()) +
        "\r\n\r\n" + html;
    std::vector<hk::error> const failures = {one_answer(page).topics(), one_answer(page).fetch(),
                                             one_answer(page).produce(), one_answer(page).create(),
                                             one_answer(page).remove()};
    for (auto const& failure : failures) {
        CAPTURE(failure.what());
        CHECK(failure.code() == hk::errc::invalid_response);
        CHECK(failure.info().http_status == 200);
        CHECK_FALSE(failure.info().request_id.empty());
        CHECK_FALSE(failure.info().retriable());
    }
    check_what(failures[0], "topics");
    check_what(failures[1], "fetch", "orders");
    check_what(failures[2], "produce", "orders");
    check_what(failures[3], "create_topic", "orders");
    check_what(failures[4], "delete_topic", "orders");
    CHECK(failures[2].info().persisted() == hk::persistence::possibly);

    one_answer other(page);
    CHECK(run(other.io, other.client.brokers()).code() == hk::errc::invalid_response);
    one_answer partitions(page);
    CHECK(run(partitions.io, partitions.client.partitions("orders")).code() == hk::errc::invalid_response);
    one_answer partition(page);
    CHECK(run(partition.io, partition.client.partition("orders", 0)).code() == hk::errc::invalid_response);
    one_answer waiting(page);
    hk::error const waited = run(waiting.io, waiting.client.wait_for_topic("orders", 10s)).error();
    CHECK(waited.code() == hk::errc::invalid_response);
    check_what(waited, "wait_for_topic", "orders");
    one_answer stream(page);
    auto records = stream.client.consume("orders", 0, hk::consume_options());
    hk::error const read = run(stream.io, records.next()).error();
    CHECK(read.code() == hk::errc::invalid_response);
    check_what(read, "consume", "orders");
}

TEST_CASE("records whose offset is no offset, or goes down, make the answer invalid")
{
    for (std::string const body : {
             R"([{"offset":"100","value":"v"}])",
             R"([{"offset":9223372036854775808,"value":"v"}])",
             R"([{"offset":9223372036854775807,"value":"v"}])",
             R"([{"offset":1e2,"value":"v"}])",
             R"([{"offset":100.0,"value":"v"}])",
             R"([{"offset":-1,"value":"v"}])",
             R"([{"offset":null,"value":"v"}])",
             R"([{"value":"v"}])",
             R"([{"offset":101,"value":"v"},{"offset":100,"value":"v"}])",
             R"([{"offset":101,"value":"v"},{"offset":101,"value":"v"}])",
             R"([{"offset":100,"offset":100,"value":"v"}])",
             R"([{"offset":100,"value":"v","partition":2}])",
             R"([{"offset":100,"value":"v","partition":"3"}])",
             R"({"records":[{"offset":"100","value":"v"}]})",
             R"({"records":{}})",
             R"({})",
             R"("a string")",
             R"([],)",
             R"([{"offset":100,"value":"v")",
             R"([100])",
         }) {
        CAPTURE(body);
        hk::error const failure = fetch_of(body);
        CHECK(failure.code() == hk::errc::invalid_response);
        check_what(failure, "fetch", "orders");
    }
}

TEST_CASE("a read gives the records before one that cannot be read; the next one says which that is")
{
    std::string const bad = R"({"value":{broken,"partition":3,"offset":104,"timestamp":1})";
    std::string const good = R"({"value":"v","partition":3,"offset":101})";
    one_answer some(http(200, "[" + good + "," + bad + "]", "NextOffset: 105\r\n"));
    auto const batch = run(some.io, some.client.fetch("orders", 3, 100, 10));
    REQUIRE(batch.good());
    CHECK(batch.get().value().size() == 1);
    CHECK(batch.get().value().next_offset() == 102);
    hk::error const failure = fetch_of("[" + bad + "," + good + "]", "NextOffset: 105\r\n");
    CHECK(failure.code() == hk::errc::invalid_response);
    CHECK(failure.info().offset == 104);
    CHECK_FALSE(failure.info().retriable());
    CHECK(failure.info().http_status == 200);
    check_what(failure, "fetch", "orders");
    CHECK(failure.cause() ==
          "the record at offset 104 cannot be read: the answer is not valid JSON at byte 11");
}

TEST_CASE("how deep records may nest is the client's choice")
{
    std::string const deep = std::string(600, '[') + std::string(600, ']');
    std::string const body = R"([{"offset":100,"value":)" + deep + "}]";
    hk::error const failure = fetch_of(body);
    CHECK(failure.code() == hk::errc::too_deep);
    CHECK(failure.info().offset == 100);
    CHECK(failure.cause() ==
          "the record at offset 100 cannot be read: the answer nests deeper than 512 levels at byte 533");
    for (std::size_t const levels : {602U, 601U}) {
        CAPTURE(levels);
        scripted_server const server(script().serve(http(200, body)), std::nullopt);
        net::io_context io;
        hk::client const client(io.get_executor(), options_for(server.endpoint())
                                                       .allow_plain_http_to_loopback()
                                                       .limits(hk::http_limits().json_depth(levels)));
        auto const read = run(io, client.fetch("orders", 3, 100, 10));
        if (levels == 602) {
            REQUIRE(read.good());
            CHECK(read.get().value()[0].value().text() == deep);
        } else {
            CHECK(read.error().code() == hk::errc::too_deep);
        }
    }
}

TEST_CASE("a read whose answer is larger than is taken says what to do about it")
{
    std::string const body = "[" + std::string(100, ' ') + "]";
    scripted_server const server({script().serve(http(200, body)), script().serve(http(200, body))},
                                 std::nullopt);
    net::io_context io;
    hk::client const client(
        io.get_executor(),
        options_for(server.endpoint()).allow_plain_http_to_loopback().limits(hk::http_limits().body(100)));
    hk::error const failure = run(io, client.fetch("orders", 3, 100, 10)).error();
    CHECK(failure.code() == hk::errc::body_too_large);
    CHECK(failure.cause().ends_with(": ask for fewer records"));
    check_what(failure, "fetch", "orders");
    hk::error const other = run(io, client.topics()).error();
    CHECK(other.code() == hk::errc::body_too_large);
    CHECK(other.cause().find("fewer records") == std::string::npos);
}

TEST_CASE("one partition without a leader is a row that says so, alone and in the list")
{
    std::string const bare = R"({"partition_id":1,"earliest_offset":-1,"latest_offset":-1,"leader":null})";
    one_answer alone(http(200, bare));
    auto const one = run(alone.io, alone.client.partition("orders", 1));
    REQUIRE(one.good());
    CHECK(one.get().value().id == 1);
    CHECK_FALSE(one.get().value().available());
    one_answer listed(http(
        200, R"({"partitions":[{"partition_id":0,"earliest_offset":0,"latest_offset":4},)" + bare + "]}"));
    auto const all = run(listed.io, listed.client.partitions("orders"));
    REQUIRE(all.good());
    REQUIRE(all.get().value().size() == 2);
    CHECK(all.get().value()[0].available());
    CHECK_FALSE(all.get().value()[1].available());
}

TEST_CASE("a NextOffset that is no offset makes the answer invalid")
{
    for (std::string const field : {"-1", "abc", "", "1.5", "9223372036854775808", "+5", "5 6", "0x10"}) {
        CAPTURE(field);
        CHECK(fetch_of("[]", "NextOffset: " + field + "\r\n").code() == hk::errc::invalid_response);
    }
    one_answer fine(http(200, "[]", "NextOffset: 105\r\n"));
    auto const batch = run(fine.io, fine.client.fetch("orders", 3, 100, 10));
    REQUIRE(batch.good());
    CHECK(batch.get().value().next_offset() == 105);
    one_answer behind(http(200, "[]", "NextOffset: 7\r\n"));
    auto const stays = run(behind.io, behind.client.fetch("orders", 3, 100, 10));
    REQUIRE(stays.good());
    CHECK(stays.get().value().next_offset() == 100);
}

TEST_CASE("each documented status has its code")
{
    std::vector<std::pair<int, hk::errc>> const codes = {
        {301, hk::errc::redirected},     {400, hk::errc::bad_request},    {401, hk::errc::unauthorized},
        {403, hk::errc::forbidden},      {404, hk::errc::not_found},      {405, hk::errc::not_supported},
        {408, hk::errc::service_failed}, {409, hk::errc::already_exists}, {413, hk::errc::too_large},
        {429, hk::errc::throttled},      {500, hk::errc::service_failed}, {502, hk::errc::service_failed},
        {503, hk::errc::service_failed}, {504, hk::errc::service_failed}, {206, hk::errc::unexpected_status},
        {418, hk::errc::bad_request},    {599, hk::errc::service_failed}, {304, hk::errc::redirected},
    };
    for (auto const& [status, code] : codes) {
        CAPTURE(status);
        hk::error const failure = one_answer(http(status, status == 304 ? "" : "{}")).topics();
        CHECK(failure.code() == code);
        CHECK(failure.info().http_status == status);
        bool const later =
            status == 408 || status == 429 || status == 500 || (status >= 502 && status <= 504);
        CHECK(failure.info().retriable() == later);
        check_what(failure, "topics");
    }
}

TEST_CASE("a refused produce wrote nothing; one that failed inside the service possibly did")
{
    for (int const status : {301, 400, 401, 403, 404, 405, 409, 413, 429}) {
        CAPTURE(status);
        CHECK(one_answer(http(status, "{}")).produce().info().persisted() == hk::persistence::none);
    }
    for (int const status : {408, 500, 502, 503, 504}) {
        CAPTURE(status);
        one_answer peer(http(status, "{}"), 3);
        CHECK(peer.produce().info().persisted() == hk::persistence::possibly);
        CHECK(peer.server.requests().size() == 1);
    }
}

TEST_CASE("reads are repeated after the statuses that pass, as often as the policy says")
{
    for (int const status : {408, 429, 500, 502, 503, 504}) {
        CAPTURE(status);
        one_answer peer(http(status, "{}", "Connection: close\r\n"), 2);
        peer.topics();
        CHECK(peer.server.requests().size() == 3);
    }
    for (int const status : {301, 400, 401, 403, 404, 405, 409, 413, 501}) {
        CAPTURE(status);
        one_answer peer(http(status, "{}", "Connection: close\r\n"), 2);
        peer.topics();
        CHECK(peer.server.requests().size() == 1);
    }
    one_answer throttled(http(429, "{}", "Connection: close\r\n"), 2);
    CHECK(throttled.produce().code() == hk::errc::throttled);
    CHECK(throttled.server.requests().size() == 3);
}

TEST_CASE("a redirect is not followed, and the error names where it goes")
{
    hk::error const failure =
        one_answer(http(301, "", "Location: https://evil.example/v1/metadata/topics?sig=abc\r\n")).topics();
    CHECK(failure.code() == hk::errc::redirected);
    CHECK(std::string(failure.what()).find("evil.example") != std::string::npos);
    CHECK(std::string(failure.what()).find("sig=abc") == std::string::npos);
}

TEST_CASE("the service's own words are reported in every form they come in")
{
    for (std::string const body : {
             R"({"error_code":40403,"message":"it is \"not\" there"})",
             R"({"error":{"code":40403,"message":"it is \"not\" there"}})",
             R"({"error":{"code":"40403","message":"it is \"not\" there","innererror":{"code":"x"}}})",
             R"({"error_code":"40403","error":{"message":"it is \"not\" there"}})",
             R"({"error":"40403","message":"it is \"not\" there"})",
         }) {
        CAPTURE(body);
        hk::error const failure = one_answer(http(404, body)).fetch();
        CHECK(failure.info().server_code == "40403");
        CHECK(failure.info().server_message == "it is \"not\" there");
        CHECK(std::string(failure.what()).find("it is \"not\" there") != std::string::npos);
        check_what(failure, "fetch", "orders");
    }
    hk::error const plain = one_answer(http(500, "out of\r\norder")).topics();
    CHECK(plain.info().server_message == "out of\r\norder");
    check_what(plain, "topics");
    CHECK(one_answer(http(500, "")).topics().info().server_message.empty());
}

TEST_CASE("long words of the service are cut between characters, in the report and in the one line")
{
    std::string const euro = "\xE2\x82\xAC";
    std::string text;
    while (text.size() < 100'000)
        text += euro;
    hk::error const plain = one_answer(http(500, text)).topics();
    CHECK(plain.info().server_message.size() == 4095);
    CHECK(plain.info().server_message == text.substr(0, 4095));
    CHECK(hk::detail::valid_utf8(plain.what()));
    // One byte further on, so that the line is not cut between characters by chance.
    hk::error const shifted = one_answer(http(500, R"({"message":"a)" + text + "\"}")).topics();
    CHECK(shifted.info().server_message == ("a" + text).substr(0, 4096));
    CHECK(hk::detail::valid_utf8(shifted.what()));
    hk::error const twice = one_answer(http(500, R"({"message":"ab)" + text + "\"}")).topics();
    CHECK(hk::detail::valid_utf8(twice.what()));
}

TEST_CASE("a service that repeats the token in its words does not get it into the error")
{
    std::string const words = "Bearer " + std::string(token_text) + " is not welcome";
    for (std::string const& body : {words, R"({"error_code":1,"message":")" + words + "\"}",
                                    R"({"error":")" + std::string(token_text) + "\"}"}) {
        CAPTURE(body);
        hk::error const failure = one_answer(http(403, body)).topics();
        CHECK(failure.code() == hk::errc::forbidden);
        check_what(failure, "topics");
        CHECK(failure.info().server_code.find(token_text) == std::string::npos);
    }
}

TEST_CASE("the request id is sent and reported, the caller's or a new one for each call")
{
    one_answer peer(http(404, "{}", "Connection: close\r\n"));
    auto const given = run(peer.io, peer.client.topics(hk::call_options().request_id("my-id-1"))).error();
    CHECK(given.info().request_id == "my-id-1");
    auto const first = run(peer.io, peer.client.topics()).error();
    auto const second = run(peer.io, peer.client.topics()).error();
    CHECK(first.info().request_id.size() == 36);
    CHECK(first.info().request_id != second.info().request_id);
    auto const seen = peer.server.requests();
    REQUIRE(seen.size() == 3);
    CHECK(seen[0].field("x-ms-client-request-id") == "my-id-1");
    CHECK(seen[1].field("x-ms-client-request-id") == first.info().request_id);
    CHECK(seen[0].field("authorization") == "Bearer " + std::string(token_text));

    for (std::string const bad : {"a\r\nX-Injected: yes", "a\nb", "caf\xC3\xA9"}) {
        hk::error const refused =
            run(peer.io, peer.client.topics(hk::call_options().request_id(bad))).error();
        CHECK(refused.code() == hk::errc::invalid_option);
        check_what(refused, "topics");
    }
    hk::error const nul =
        run(peer.io, peer.client.topics(hk::call_options().request_id(std::string("a\0b", 3)))).error();
    CHECK(nul.code() == hk::errc::invalid_option);
    CHECK(peer.server.requests().size() == 3);
}

TEST_CASE("bad arguments are told before anything is connected")
{
    one_answer peer(http(200, "{}"));
    auto& io = peer.io;
    auto& client = peer.client;
    for (std::string const& topic :
         {std::string(), std::string("."), std::string(".."), std::string("a/b"), std::string("a\r\nb"),
          std::string("a b"), std::string("caf\xC3\xA9"), std::string(250, 'a'), std::string("a\0b", 3)}) {
        CAPTURE(topic);
        CHECK(run(io, client.fetch(topic, 0, 0, 1)).code() == hk::errc::invalid_topic);
        CHECK(run(io, client.produce(topic, hk::records("v"))).code() == hk::errc::invalid_topic);
        CHECK(run(io, client.create_topic(topic)).code() == hk::errc::invalid_topic);
        CHECK(run(io, client.delete_topic(topic)).code() == hk::errc::invalid_topic);
        CHECK(run(io, client.partitions(topic)).code() == hk::errc::invalid_topic);
        CHECK(run(io, client.partition(topic, 0)).code() == hk::errc::invalid_topic);
        CHECK(run(io, client.wait_for_topic(topic, 1s)).code() == hk::errc::invalid_topic);
        auto stream = client.consume(topic, 0);
        CHECK(run(io, stream.next()).code() == hk::errc::invalid_topic);
    }
    CHECK(run(io, client.fetch("t", -1, 0, 1)).code() == hk::errc::invalid_partition);
    CHECK(run(io, client.fetch("t", 0, -1, 1)).code() == hk::errc::invalid_offset);
    CHECK(run(io, client.fetch("t", 0, 0, 0)).code() == hk::errc::invalid_count);
    CHECK(run(io, client.partition("t", -1)).code() == hk::errc::invalid_partition);
    CHECK(run(io, client.produce("t", hk::records())).code() == hk::errc::no_records);
    auto misplaced = hk::records(hk::record("v").partition(-1));
    CHECK(run(io, client.produce("t", std::move(misplaced))).code() == hk::errc::invalid_partition);
    CHECK(run(io, client.create_topic("t", hk::topic_config().partition_count(0))).code() ==
          hk::errc::invalid_count);
    auto backwards = client.consume("t", -1);
    CHECK(run(io, backwards.next()).code() == hk::errc::invalid_partition);
    auto before = client.consume("t", 0, hk::consume_options().from(-5));
    hk::error const refused = run(io, before.next()).error();
    CHECK(refused.code() == hk::errc::invalid_offset);
    check_what(refused, "consume", "t");
    CHECK(peer.server.connections() == 0);
}

TEST_CASE("a client cannot be made for an endpoint that is not https")
{
    net::io_context io;
    for (std::string const endpoint :
         {"", "http://cluster.example", "http://127.0.0.1:9400", "cluster.example", "ftp://cluster.example",
          "https://", "https://user:word@cluster.example", "https://cluster.example/path", "https://a b",
          "https://cluster.example:0", "https://cluster.example:65536", "https://x\r\nHost: y"}) {
        CAPTURE(endpoint);
        try {
            hk::client const client(io.get_executor(), options_for(endpoint));
            FAIL("was taken");
        } catch (hk::error const& failure) {
            CHECK(failure.code() == hk::errc::invalid_endpoint);
            CHECK(std::string(failure.what()).find("word@") == std::string::npos);
        }
    }
    auto const elsewhere = options_for("http://cluster.example").allow_plain_http_to_loopback();
    CHECK_THROWS_AS(hk::client(io.get_executor(), elsewhere), hk::error);
    hk::client const plain(io.get_executor(),
                           options_for("http://localhost:1").allow_plain_http_to_loopback());
}

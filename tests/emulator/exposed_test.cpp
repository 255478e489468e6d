// The emulator where not everybody means well: the token before the body, bounds for all connections together
// and for a request's time.
#include "support/base/waiting.hpp"
#include "support/emulator/served_emulator.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <exception>
#include <source_location>
#include <string>
#include <string_view>
#include <vector>

namespace {

namespace hk = hdikafka;
using std::string;
using std::chrono::hours;
using std::chrono::milliseconds;
using test::blocking_peer;
using test::served_emulator;

constexpr std::string_view produce = "POST /v1/producer/topics/orders HTTP/1.1\r\nHost: x\r\n";
constexpr std::string_view token_request = "POST /emulator-tenant/oauth2/v2.0/token HTTP/1.1\r\nHost: x\r\n"
                                           "Content-Type: application/x-www-form-urlencoded\r\n";

string length(std::size_t size) { return "Content-Length: " + std::to_string(size) + "\r\n"; }
string bearer(string const& token) { return "Authorization: Bearer " + token + "\r\n"; }

/// A produce's body of that size.
string records(std::size_t size)
{
    string const begin = R"({"records":[{"value":")";
    string const end = "\"}]}";
    return begin + string(size - begin.size() - end.size(), 'x') + end;
}

bool is_refused(blocking_peer& peer, int status)
{
    auto const answer = peer.receive();
    return answer.status == status && answer.field("Connection") == "close" && peer.ended();
}

/// Repeats it until it says so; what never happens ends the test.
template <class Condition>
void repeat_until(Condition condition, std::source_location const& where = std::source_location::current())
{
    test::patience const limit(where);
    while (!condition())
        if (limit.is_over())
            limit.give_up("three minutes have passed");
}

} // namespace

TEST_CASE("the token is asked for before the body is sent")
{
    served_emulator server;
    server.emulator.add_topic("orders");
    for (string const& framing :
         {length(std::size_t{16} << 20), string("Transfer-Encoding: chunked\r\n"), length(65'537),
          length(5) + "Expect: 100-continue\r\n", length(std::size_t{16} << 20) + "Expect: 100-continue\r\n"})
        for (string const& token : {string(), bearer("nonsense")}) {
            CAPTURE(framing);
            blocking_peer peer = server.peer();
            peer.send(string(produce) + token + framing + "\r\n");
            CHECK(is_refused(peer, 401));
        }
    for (hk::emulator_call const& call : server.emulator.calls()) {
        CHECK(call.route == hk::emulator_route::produce);
        CHECK(call.status == 401);
    }
    CHECK(server.emulator.calls().size() == 10);
}

TEST_CASE("what needs no body is answered before it, wherever it leads")
{
    served_emulator server;
    blocking_peer first = server.peer();
    string const token = first.fetch_token();
    for (string const& head : {"GET /v1/metadata/topics HTTP/1.1\r\nHost: x\r\n" + bearer(token),
                               string("POST /nowhere HTTP/1.1\r\nHost: x\r\n"),
                               string("PUT /v1/metadata/topics HTTP/1.1\r\nHost: x\r\n")}) {
        CAPTURE(head);
        blocking_peer peer = server.peer();
        peer.send(head + "Transfer-Encoding: chunked\r\n\r\n");
        auto const answer = peer.receive();
        CHECK(answer.status == (head.starts_with("GET") ? 200 : head.starts_with("PUT") ? 401 : 404));
        CHECK(answer.field("Connection") == "close");
        CHECK(peer.ended());
    }
}

TEST_CASE("a short body that nobody wants is passed over, and the connection goes on")
{
    served_emulator server;
    blocking_peer peer = server.peer();
    for (std::size_t const size : {std::size_t{1}, std::size_t{65'536}}) {
        peer.send(string(produce) + length(size) + "\r\n");
        auto const answer = peer.receive();
        CHECK(answer.status == 401);
        CHECK(answer.field("Connection").empty());
        peer.send(string(size, 'x'));
    }
    CHECK(!peer.fetch_token().empty());
    CHECK(server.emulator.calls().size() == 3);
}

TEST_CASE("a fault befalls a request that is refused at its head as it does others")
{
    served_emulator server;
    for (bool const short_one : {true, false}) {
        server.emulator.inject(hk::emulator_fault::drop_request());
        blocking_peer dropped = server.peer();
        dropped.send(string(produce) + length(short_one ? 5 : 1'000'000) + "\r\nhello");
        CHECK(dropped.ended());
        server.emulator.inject(hk::emulator_fault::answer(503));
        blocking_peer answered = server.peer();
        answered.send(string(produce) + length(short_one ? 5 : 1'000'000) + "\r\nhello");
        CHECK(answered.receive().status == 503);
    }
}

TEST_CASE("with a good token the body is asked for, once")
{
    served_emulator server;
    server.emulator.add_topic("orders");
    blocking_peer peer = server.peer();
    string const head = string(produce) + bearer(peer.fetch_token()) + "Content-Type: application/json\r\n";
    for (std::size_t const size : {std::size_t{100}, std::size_t{1'000'000}}) {
        peer.send(head + length(size) + "Expect: 100-continue\r\n\r\n");
        CHECK(peer.receive().head == "HTTP/1.1 100 Continue\r\n\r\n");
        peer.send(records(size));
        CHECK(peer.receive().status == 200);
    }
    CHECK(server.emulator.records("orders", 0).size() == 2);
}

TEST_CASE("without a token nobody sends more than a little")
{
    served_emulator server;
    blocking_peer peer = server.peer();
    peer.send(string(token_request) + length(65'536) + "\r\n" + string(65'536, 'x'));
    CHECK(peer.receive().status == 400); // Entra's
    peer.send(string(token_request) + length(65'537) + "\r\n");
    CHECK(is_refused(peer, 413));

    blocking_peer chunks = server.peer();
    chunks.send(string(token_request) + "Transfer-Encoding: chunked\r\n\r\n" + "8000\r\n" +
                string(0x8000, 'x') + "\r\n8000\r\n" + string(0x8000, 'x') + "\r\n1\r\n");
    CHECK(is_refused(chunks, 413));
}

TEST_CASE("a request has its time, however steadily it comes")
{
    served_emulator server(hk::emulator_options().idle_timeout(hours(1)).request_timeout(milliseconds(50)));
    blocking_peer good = server.peer();
    string const token = good.fetch_token();
    for (string const& begin : {string("GET /v1/status HTTP/1.1\r\nHost: x\r\nA: "),
                                string(produce) + bearer(token) + length(1'000'000) + "\r\n",
                                string(produce) + length(60'000) + "\r\n"}) {
        CAPTURE(begin);
        blocking_peer slow = server.peer();
        slow.send(begin);
        bool const refused = begin.find("60000") != string::npos;
        if (refused)
            CHECK(slow.receive().status == 401);
        repeat_until([&] {
            CHECK(good.exchange("GET", "/v1/status", "").status == 200); // meanwhile
            try {
                slow.send("x");
            } catch (std::exception const&) {
                return true;
            }
            return false;
        });
        CHECK(slow.ended());
    }
}

TEST_CASE("a connection that waits between requests does not use up the time of the next one")
{
    served_emulator server(hk::emulator_options().idle_timeout(hours(1)).request_timeout(milliseconds(1)));
    blocking_peer peer = server.peer();
    blocking_peer other = server.peer();
    CHECK(peer.exchange("GET", "/v1/status", "").status == 200);
    for (int i = 0; i != 200; ++i) // takes longer
        CHECK(other.exchange("GET", "/v1/status", "").status == 200);
    CHECK(peer.exchange("GET", "/v1/status", "").status == 200);
}

TEST_CASE("bodies for which there is no room are turned away, and small requests never are")
{
    served_emulator server(hk::emulator_options().max_buffered_bytes(1'000'000));
    server.emulator.add_topic("orders");
    blocking_peer good = server.peer();
    string const token = good.fetch_token();
    string const head = string(produce) + bearer(token) + "Content-Type: application/json\r\n";
    string const body = records(900'000);
    blocking_peer half = server.peer();
    half.send(head + length(body.size()) + "Expect: 100-continue\r\n\r\n");
    CHECK(half.receive().head == "HTTP/1.1 100 Continue\r\n\r\n");
    half.send(body.substr(0, 800'000));
    test::raw_answer refused;
    repeat_until([&] {
        blocking_peer other = server.peer();
        other.send(head + length(body.size()) + "Expect: 100-continue\r\n\r\n");
        if (other.receive().status == 503)
            return true;
        other.send(body);
        refused = other.receive();
        return refused.status == 503;
    });
    CHECK(good.exchange("POST", "/v1/producer/topics/orders", token, records(10'000)).status == 200);

    half.send(body.substr(800'000));
    CHECK(half.receive().status == 200);
    repeat_until([&] {
        blocking_peer other = server.peer();
        return other.exchange("POST", "/v1/producer/topics/orders", token, body).status == 200;
    });
    blocking_peer large = server.peer();
    large.send(head + length(1'000'001) + "\r\n");
    CHECK(is_refused(large, 413));
}

TEST_CASE("a read whose answer has no room is refused, and a produce never is after it was done")
{
    served_emulator server(hk::emulator_options().max_buffered_bytes(100'000).produce_answer(
        hk::emulator_produce_answer::offsets));
    server.emulator.add_topic("orders");
    server.emulator.append_raw("orders", 0, '"' + string(150'000, 'x') + '"');
    blocking_peer good = server.peer();
    string const token = good.fetch_token();
    blocking_peer reader = server.peer();
    auto const answer =
        reader.exchange("GET", "/v1/consumer/topics/orders/partitions/0/offsets/0?count=1", token);
    CHECK(answer.status == 503);
    CHECK(answer.field("Retry-After") == "1");
    CHECK(answer.field("Connection") == "close");
    CHECK(reader.ended());

    string many = R"({"records":[{"value":1})";
    for (int i = 0; i != 6'000; ++i)
        many += R"(,{"value":1})";
    auto const done = good.exchange("POST", "/v1/producer/topics/orders", token, many + "]}");
    CHECK(done.status == 200);
    CHECK(done.body.size() > 300'000);
    CHECK(good.exchange("GET", "/v1/metadata/topics", token).status == 200);
}

TEST_CASE("strangers cannot take the room of those who have a token")
{
    served_emulator server(hk::emulator_options().max_buffered_bytes(1'000'000));
    server.emulator.add_topic("orders");
    blocking_peer good = server.peer();
    string const token = good.fetch_token();
    std::vector<blocking_peer> strangers;
    repeat_until([&] {
        blocking_peer& next = strangers.emplace_back(server.peer());
        next.send(string(token_request) + length(65'536) + "Expect: 100-continue\r\n\r\n");
        CHECK(next.receive().head == "HTTP/1.1 100 Continue\r\n\r\n");
        next.send(string(65'535, 'x'));
        // Who is refused is told, and nobody else hears anything.
        blocking_peer probe = server.peer();
        probe.send(string(token_request) + length(65'536) + "\r\n" + string(65'536, 'x'));
        return probe.receive().status == 503;
    });
    CHECK(strangers.size() <= 6); // a quarter
    CHECK(good.exchange("POST", "/v1/producer/topics/orders", token, records(700'000)).status == 200);
    CHECK(!good.fetch_token().empty());
}

TEST_CASE("of what was asked a little is remembered")
{
    served_emulator server;
    blocking_peer peer = server.peer();
    peer.send("GET /" + string(5'000, 'a') +
              " HTTP/1.1\r\nHost: x\r\nclient-request-id: " + string(5'000, 'b') + "\r\n\r\n");
    CHECK(peer.receive().status == 404);
    CHECK(server.emulator.calls().back().target == "/" + string(1'023, 'a'));
    CHECK(server.emulator.calls().back().request_id == string(1'024, 'b'));
}

TEST_CASE("what programs arrange from outside needs no token, comes in pieces too, and no script hears of it")
{
    served_emulator server(hk::emulator_options().admin(true));
    std::vector<hk::emulator_route> heard;
    server.emulator.on_call([&heard](hk::emulator_call const& call) { heard.push_back(call.route); });
    blocking_peer peer = server.peer();
    CHECK(peer.exchange("GET", "/emulator", "").status == 200); // before anything is remembered
    string const body = R"({"topic":"orders"})";
    peer.send("POST /emulator/add_topic HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n" +
              length(body.size()) + "Expect: 100-continue\r\n\r\n");
    CHECK(peer.receive().head == "HTTP/1.1 100 Continue\r\n\r\n");
    peer.send(body);
    CHECK(peer.receive().status == 200);
    CHECK(server.emulator.topics() == std::vector<string>{"orders"});
    CHECK(peer.exchange("GET", "/v1/status", "").status == 200);
    server.emulator.on_call(nullptr);
    CHECK(heard == std::vector<hk::emulator_route>{hk::emulator_route::status});
}

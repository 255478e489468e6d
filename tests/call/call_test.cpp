// What a call makes of earlier attempts whose outcome it does not know, of a second refusal, and of a wait
// that the service asks for; and the limits that it has by default.
#include "support/net/running.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <ctime>
#include <optional>
#include <string>
#include <utility>
#include <vector>

using namespace test;

namespace {

std::string last(int status, std::string const& body, std::string const& fields = "")
{
    return http(status, body, "Connection: close\r\n" + fields);
}

/// Attempts that leave a doubt, and some that leave none.
class first_attempt
{
public:
    std::string name;
    script doing;
    bool doubtful;
};

std::vector<first_attempt> first_attempts()
{
    return {
        {"no answer", script().read(), true},
        {"half an answer", script().serve("HTTP/1.1 200 OK\r\nContent-"), true},
        {"outage", script().serve(last(503, "{}")), true},
        {"handshake broken off", script().without_handshake().taste(), false},
        {"throttled", script().serve(last(429, "{}")), false},
    };
}

/// A first attempt, and then these answers.
class after_first
{
public:
    after_first(first_attempt const& first, std::vector<std::string> const& answers)
        : server(scripts(first, answers)),
          client(io.get_executor(), options_for(server.endpoint()).retry(quickly(3)))
    {}

    scripted_server server;
    net::io_context io;
    hk::client client;

private:
    static std::vector<script> scripts(first_attempt const& first, std::vector<std::string> const& answers)
    {
        std::vector<script> all(1, first.doing);
        for (std::string const& bytes : answers)
            all.push_back(script().serve(bytes));
        return all;
    }
};

std::string const exists = last(409, R"({"error_code":40901,"message":"Topic 'orders' already exists."})");
std::string const missing = last(404, R"({"error_code":40401,"message":"Topic not found."})");

/// Metadata that shows this many partitions.
std::string partitions(int count)
{
    std::string list;
    for (int id = 0; id != count; ++id)
        list += (id == 0 ? "" : ",") + (R"({"partition_id":)" + std::to_string(id)) +
                R"(,"earliest_offset":0,"latest_offset":0})";
    return last(200, R"({"partitions":[)" + list + "]}");
}

/// Delays of retries, as an observer is told of them.
class delays
{
public:
    explicit delays(std::vector<hk::milliseconds>& seen) : seen_(seen) {}
    void operator()(hk::retry_scheduled const& event) { seen_.push_back(event.delay); }

private:
    std::vector<hk::milliseconds>& seen_;
};

/// In the form of RFC 9110 §5.6.7, whatever the program's language is.
std::string http_date(std::chrono::sys_seconds when)
{
    std::time_t const seconds = std::chrono::system_clock::to_time_t(when);
    std::tm parts = {};
    gmtime_r(&seconds, &parts);
    constexpr char const* days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    constexpr char const* months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    char rest[32] = {};
    std::strftime(rest, sizeof rest, " %Y %H:%M:%S GMT", &parts);
    std::string const day = std::to_string(parts.tm_mday);
    return std::string(days[parts.tm_wday]) + ", " + (day.size() == 1 ? "0" : "") + day + " " +
           months[parts.tm_mon] + rest;
}

} // namespace

TEST_CASE("the limits and retries that a client has when the program says nothing")
{
    hk::client_options const options("https://service.example");
    CHECK(options.connect_timeout() == 10s);
    CHECK(options.idle_timeout() == 30s);
    CHECK(options.total_timeout() == 60s);
    CHECK(options.max_connections() == 16);
    CHECK(options.max_idle_time() == 60s);
    CHECK(options.max_connection_age() == 10min);
    CHECK(options.retry().max_retries() == 3);
    CHECK(options.retry().base_delay() == 800ms);
    CHECK(options.retry().max_delay() == 60s);
    CHECK_FALSE(options.retry().at_least_once());
    CHECK(options.tls().verify());
    CHECK_FALSE(options.plain_http_allowed());
    CHECK_FALSE(hk::call_options().timeout().has_value());
}

TEST_CASE("'already exists' after a doubtful attempt is success when the topic has the partitions asked for")
{
    for (first_attempt const& first : first_attempts())
        for (int const found : {3, 2, 4}) {
            CAPTURE(first.name);
            CAPTURE(found);
            after_first peer(first, {exists, partitions(found)});
            auto const config = hk::topic_config().partition_count(3);
            auto const end = run(peer.io, peer.client.create_topic("orders", config));
            bool const ours = first.doubtful && found == 3;
            CHECK(end.code() == (ours ? std::error_code() : make_error_code(hk::errc::already_exists)));
            if (!ours)
                check_what(end.error(), "create_topic", "orders");
            if (first.doubtful && !ours)
                CHECK(std::string(end.error().what()).find(std::to_string(found) + " partitions") !=
                      std::string::npos);
            // Without a doubt there is nothing to look at.
            bool const looked = peer.server.requests().back().line.starts_with("GET ");
            CHECK(looked == first.doubtful);
        }
}

TEST_CASE("'already exists' after a doubtful attempt is success when any number of partitions will do")
{
    for (first_attempt const& first : first_attempts()) {
        CAPTURE(first.name);
        after_first peer(first, {exists});
        auto const end = run(peer.io, peer.client.create_topic("orders"));
        CHECK(end.code() == (first.doubtful ? std::error_code() : make_error_code(hk::errc::already_exists)));
        CHECK(peer.server.requests().back().line.starts_with("PUT "));
    }
}

TEST_CASE("'not found' after a doubtful attempt to delete is success, and an error without one")
{
    for (first_attempt const& first : first_attempts()) {
        CAPTURE(first.name);
        after_first peer(first, {missing});
        auto const end = run(peer.io, peer.client.delete_topic("orders"));
        CHECK(end.code() == (first.doubtful ? std::error_code() : make_error_code(hk::errc::not_found)));
        if (!end.good())
            check_what(end.error(), "delete_topic", "orders");
        CHECK(peer.server.connections() == 2);
    }
}

TEST_CASE("a doubtful attempt explains nothing but what it may have done")
{
    for (int const status : {403, 405}) {
        CAPTURE(status);
        first_attempt const doubtful = first_attempts().front();
        after_first creation(doubtful, {last(status, "{}")});
        CHECK_FALSE(run(creation.io, creation.client.create_topic("orders")).good());
        after_first deletion(doubtful, {last(status, "{}")});
        CHECK_FALSE(run(deletion.io, deletion.client.delete_topic("orders")).good());
    }
    // Neither for each other, nor for a read.
    first_attempt const doubtful = first_attempts().front();
    after_first creation(doubtful, {missing});
    CHECK(run(creation.io, creation.client.create_topic("orders")).code() == hk::errc::not_found);
    after_first deletion(doubtful, {exists});
    CHECK(run(deletion.io, deletion.client.delete_topic("orders")).code() == hk::errc::already_exists);
    after_first reading(doubtful, {missing});
    CHECK(run(reading.io, reading.client.partitions("orders")).code() == hk::errc::not_found);
}

TEST_CASE("at the first attempt nothing is settled")
{
    scripted_server const server(std::vector<script>{script().serve(exists), script().serve(missing)});
    net::io_context io;
    hk::client const client(io.get_executor(), options_for(server.endpoint()).retry(quickly(3)));
    CHECK(run(io, client.create_topic("orders")).code() == hk::errc::already_exists);
    CHECK(run(io, client.delete_topic("orders")).code() == hk::errc::not_found);
    CHECK(server.connections() == 2);
}

TEST_CASE(
    "a produce that is refused with 401 a second time: one new token, nothing written, no third attempt")
{
    int issued = 0;
    auto const issue = [&issued](seen_request const&) {
        return http(200, R"({"token_type":"Bearer","expires_in":3599,"access_token":"token-)" +
                             std::to_string(++issued) + "\"}");
    };
    scripted_server const authority(script().read().answer(issue).forever());
    scripted_server const service(script().serve(http(401, R"({"message":"not you"})")).forever());
    hk::client_secret_credential const secret =
        hk::client_secret_credential("tenant", "id", "secret").authority_host(authority.endpoint());
    net::io_context io;
    hk::client const client(
        io.get_executor(),
        options_for(service.endpoint()).credential(secret).retry(quickly(3).at_least_once(true)));
    hk::error const failure = run(io, client.produce("orders", hk::records("v"))).error();
    CHECK(failure.code() == hk::errc::unauthorized);
    CHECK(failure.info().persisted() == hk::persistence::none);
    CHECK_FALSE(failure.info().retriable());
    check_what(failure, "produce", "orders");
    auto const asked = service.requests();
    REQUIRE(asked.size() == 2);
    CHECK(asked[0].field("authorization") == "Bearer token-1");
    CHECK(asked[1].field("authorization") == "Bearer token-2");
    CHECK(asked[0].body == asked[1].body);
    CHECK(authority.requests().size() == 2);
}

TEST_CASE("a wait that the service asks for comes over the wire, as a number or as a date")
{
    auto const when = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now()) + 30min;
    std::pair<std::string, std::optional<hk::milliseconds>> const fields[] = {
        {"Retry-After: " + http_date(when), std::nullopt},
        {"Retry-After: 1800", 30min},
        {"retry-after-ms: 90500", 90'500ms},
        {"x-ms-retry-after-ms: 90501", 90'501ms},
    };
    for (auto const& [field, exactly] : fields)
        for (int const status : {429, 503}) {
            CAPTURE(field);
            CAPTURE(status);
            std::string const answer = last(status, "{}", field + "\r\n");
            auto const check = [&](std::optional<hk::milliseconds> told,
                                   std::chrono::system_clock::time_point before) {
                auto const after = std::chrono::system_clock::now();
                REQUIRE(told);
                if (exactly) {
                    CHECK(*told == *exactly);
                } else {
                    CHECK(*told <= when - std::chrono::floor<hk::milliseconds>(before));
                    CHECK(*told >= when - std::chrono::ceil<hk::milliseconds>(after));
                }
            };

            // Longer than the call may take: told in the error.
            scripted_server const server(script().serve(answer));
            net::io_context io;
            auto const begun = std::chrono::system_clock::now();
            hk::client const client(io.get_executor(), options_for(server.endpoint()).retry(quickly(1)));
            check(run(io, client.topics()).error().info().retry_after, begun);
            CHECK(server.requests().size() == 1);

            // Short enough: told to the observer as the wait begins.
            std::vector<hk::milliseconds> seen;
            hk::client const patient(io.get_executor(), options_for(server.endpoint())
                                                            .retry(quickly(1))
                                                            .total_timeout(2h)
                                                            .observer(hk::observer(delays(seen))));
            auto const again = std::chrono::system_clock::now();
            running_call<std::vector<std::string>> call(io, patient.topics());
            work_until(io, [&] { return !seen.empty(); });
            check(seen.front(), again);
            call.cancel();
            CHECK(server.requests().size() == 2);
        }
}

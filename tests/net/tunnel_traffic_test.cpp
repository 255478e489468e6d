// What goes through the tunnels of an HTTP proxy: every operation, kept connections, TLS with the target; and
// tunnels that are cut.
#include "support/base/environment.hpp"
#include "support/faults/site.hpp"
#include "support/net/hidden_emulator.hpp"
#include "support/net/running.hpp"
#include "support/net/scripted_server.hpp"
#include "support/net/tunnel_proxy.hpp"

#include <asio/error.hpp>
#include <asio/io_context.hpp>
#include <doctest/doctest.h>
#include <openssl/ssl.h>

#include <cstddef>
#include <deque>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

using namespace test;

namespace {

/// Told by each connection that is opened.
class opening
{
public:
    std::string host;
    bool proxied = false;

    bool operator==(opening const&) const = default;
};
using openings = std::vector<opening>;

class openings_observer
{
public:
    explicit openings_observer(openings& seen) : seen_(seen) {}
    void operator()(hk::connection_opened const& event)
    {
        seen_.push_back({std::string(event.host), event.proxied});
    }

private:
    openings& seen_;
};

/// What is known of a record when the call that wrote it has ended.
class claim
{
public:
    bool arrived = false;  ///< It must be there.
    bool possible = false; ///< It may be.
};

/// Produces through tunnels that are cut, with one version of TLS.
class cut_tunnels
{
public:
    explicit cut_tunnels(int version) : version_(version)
    {
        tunnel_proxy const whole;
        CHECK(produce(whole).good());
        claims_.push_back({true, true});
        up_ = whole.records(way::up);
        down_ = whole.records(way::down);
        // Nothing of the client's second flight arrives: the server has sent its first one, and no more.
        tunnel_proxy const halted(tunnel_plan().cut(way::up, 1, place::begin, parting::reset));
        CHECK_FALSE(produce(halted).good());
        claims_.push_back(claim());
        flight_ = halted.records(way::down);
        REQUIRE(up_ > 2);
        REQUIRE(down_ > flight_);
        REQUIRE(flight_ > 1);
    }

    /// Cuts at each record, and gives how many times that was.
    std::size_t cut_everywhere()
    {
        std::size_t count = 0;
        for (way const direction : {way::up, way::down})
            for (std::size_t record = 0; record != (direction == way::up ? up_ : down_); ++record)
                for (place const spot : {place::begin, place::middle, place::end})
                    for (parting const how : {parting::close, parting::reset}) {
                        cut(direction, record, spot, how);
                        ++count;
                    }
        return count;
    }

    /// Compares what the calls said with what is there.
    void check_claims()
    {
        std::vector<int> times(claims_.size());
        for (auto const& record : hidden_.emulator().records("orders", 0))
            ++times.at(std::stoul(record.value));
        for (std::size_t i = 0; i != times.size(); ++i) {
            CAPTURE(i);
            CHECK(times[i] <= (claims_[i].possible ? 1 : 0));
            CHECK(times[i] >= (claims_[i].arrived ? 1 : 0));
        }
    }

private:
    /// The token, which a client with settings of its own asks for itself, does not come through the proxy.
    hk::client make(net::io_context& io, tunnel_proxy const& proxy) const
    {
        variable const through("HTTPS_PROXY", proxy.url());
        variable const but_for("NO_PROXY", "127.0.0.1");
        auto const limit = [version = version_](SSL_CTX* context) {
            SSL_CTX_set_max_proto_version(context, version);
        };
        auto const trust = hk::tls_options().ca_pem(hidden_.emulator().ca_pem()).configure(limit);
        return hk::client(io.get_executor(), hidden_.options_at("cluster.example").tls(trust));
    }

    /// The record says which one it is: its number among the claims.
    ending<hk::receipt> produce(tunnel_proxy const& proxy) const
    {
        net::io_context io;
        return run(io, make(io, proxy).produce("orders", hk::records(claims_.size())));
    }

    void cut(way direction, std::size_t record, place spot, parting how)
    {
        CAPTURE(static_cast<int>(direction));
        CAPTURE(record);
        CAPTURE(static_cast<int>(spot));
        CAPTURE(static_cast<int>(how));
        bool const up = direction == way::up;
        bool const request = up && record + 1 == up_;
        bool const answer = !up && record + 1 == down_;
        // With TLS 1.3 the request follows the handshake's last message at once.
        bool const close_to = version_ == TLS1_3_VERSION && record >= (up ? 1 : flight_);

        std::size_t const before = client_sockets();
        tunnel_proxy const proxy(tunnel_plan().cut(direction, record, spot, how));
        net::io_context io;
        {
            hk::client const client = make(io, proxy);
            hk::error const failure = run(io, client.produce("orders", hk::records(claims_.size()))).error();
            hk::persistence const told = failure.info().persisted();
            bool const truncated = how == parting::close && told == hk::persistence::possibly;
            CHECK(failure.code() == (truncated ? hk::errc::truncated : hk::errc::connection_lost));
            CHECK(failure.info().retriable());
            check_what(failure, "produce", "orders");
            if (request || answer)
                CHECK(told == hk::persistence::possibly);
            else if (!close_to)
                CHECK(told == hk::persistence::none);
            bool const possible = answer || (close_to && !up && told == hk::persistence::possibly);
            claims_.push_back({answer, possible});

            CHECK(run(io, client.topics()).good());
            CHECK(proxy.connections() == 2);
        }
        proxy.wait_for_ends(2);
        CHECK(client_sockets() == before);
    }

    hidden_emulator hidden_;
    int version_;
    std::vector<claim> claims_;
    std::size_t up_ = 0;     ///< TLS records of a whole call; the last is the request.
    std::size_t down_ = 0;   ///< Likewise; the last is the answer.
    std::size_t flight_ = 0; ///< Of them those before the client's second flight.
};

} // namespace

TEST_CASE("all operations go through one tunnel, which is kept and used again")
{
    hidden_emulator hidden;
    tunnel_proxy const proxy;
    openings seen;
    net::io_context io;
    hk::client const client(io.get_executor(), hidden.options(proxy.url())
                                                   .credential(hidden.identity("cluster.example"))
                                                   .observer(hk::observer(openings_observer(seen))));
    CHECK(run(io, client.brokers()).get().value().size() == 3);
    CHECK(run(io, client.create_topic("new")).good());
    CHECK(run(io, client.topics()).get().value() == std::vector<std::string>{"new", "orders"});
    CHECK(run(io, client.produce("new", hk::records("a", "b", "c"))).get().value().persisted() ==
          hk::persistence::done);
    CHECK(run(io, client.partitions("new")).get().value().at(0).latest_offset == 3);
    CHECK(run(io, client.partition("new", 0)).get().value().latest_offset == 3);
    CHECK(run(io, client.fetch("new", 0, 1, 10)).get().value()[0].value().as_string() == "b");
    auto stream =
        client.consume("new", 0, hk::consume_options().until(hk::latest).max_records(2).read_ahead(0));
    CHECK(run(io, stream.next()).get().value()->size() == 2);
    CHECK(run(io, stream.lag()).get().value() == 1);
    CHECK(run(io, stream.next_record()).get().value()->value().as_string() == "c");
    CHECK_FALSE(run(io, stream.next()).get().value().has_value());
    CHECK(run(io, client.delete_topic("new")).good());

    CHECK(proxy.lines() == std::vector<std::string>{hidden.line("cluster.example")});
    CHECK(proxy.requests()[0].body.empty());
    CHECK(seen == openings{{"cluster.example", true}});
    CHECK(hidden.emulator().request_count(hk::emulator_route::token) == 1);
    CHECK(hidden.emulator().calls().size() >= 12);
    for (auto const& call : hidden.emulator().calls())
        CHECK(call.connection == hidden.emulator().calls()[0].connection);

    // Waiting for a topic takes connections of its own, and each a tunnel.
    CHECK(run(io, client.wait_for_topic("orders", 60s)).good());
    CHECK(proxy.lines() == std::vector<std::string>(3, hidden.line("cluster.example")));
    CHECK_FALSE(hidden.looked_up());
}

TEST_CASE("the authority is reached through the proxy too, in a tunnel of its own")
{
    hidden_emulator hidden;
    tunnel_proxy const proxy;
    openings seen;
    net::io_context io;
    hk::client const client(io.get_executor(), hidden.options(proxy.url())
                                                   .credential(hidden.identity("login.example"))
                                                   .observer(hk::observer(openings_observer(seen))));
    CHECK(run(io, client.topics()).good());
    CHECK(run(io, client.topics()).good());
    CHECK(proxy.lines() ==
          std::vector<std::string>{hidden.line("login.example"), hidden.line("cluster.example")});
    CHECK(seen == openings{{"login.example", true}, {"cluster.example", true}});
    CHECK_FALSE(hidden.looked_up());
}

TEST_CASE("many calls at once share as many tunnels as connections are allowed")
{
    hidden_emulator hidden;
    std::size_t const before = client_sockets();
    tunnel_proxy const proxy;
    net::io_context io;
    {
        hk::client const client(io.get_executor(), hidden.options(proxy.url()).max_connections(3));
        std::deque<ending<hk::receipt>> ends(60);
        for (auto& end : ends)
            start(io.get_executor(), client.produce("orders", hk::records("v")), end);
        io.run();
        for (auto const& end : ends)
            CHECK(end.good());
        CHECK(hidden.records() == ends.size());
        CHECK(proxy.connections() == 3);
    }
    proxy.wait_for_ends(3);
    CHECK(client_sockets() == before);
}

TEST_CASE("TLS is agreed on with the target behind the proxy, and its certificate is the one that counts")
{
    net::io_context io;
    tunnel_proxy const proxy; // at 127.0.0.1, for which all but one of these are good
    auto const ask = [&](certificate shown, std::string const& host) {
        scripted_server const server(script().serve(http(200, R"({"topics":["orders"]})")), shown);
        hk::client const client(io.get_executor(),
                                options_for(server.endpoint(host)).proxy(proxy.url()).retry(quickly(3)));
        return run(io, client.topics()).code();
    };
    CHECK(ask(certificate::other_host, "other.example") == std::error_code());
    CHECK(proxy.connections() == 1);
    CHECK(ask(certificate::good, "other.example") == hk::errc::host_mismatch);
    CHECK(ask(certificate::address, "localhost") == hk::errc::host_mismatch);
    CHECK(ask(certificate::untrusted, "localhost") == hk::errc::certificate_refused);
    CHECK(ask(certificate::good, "localhost") == std::error_code());
    CHECK(proxy.connections() == 5); // none was asked for twice
}

TEST_CASE("tunnels that the proxy closed while they were idle are replaced")
{
    hidden_emulator hidden;
    tunnel_proxy proxy;
    net::io_context io;
    hk::client const client(io.get_executor(), hidden.options(proxy.url()));
    for (std::size_t round = 1; round != 4; ++round) {
        CHECK(run(io, client.produce("orders", hk::records("v"))).good());
        CHECK(run(io, client.topics()).good());
        CHECK(proxy.connections() == round);
        proxy.close_tunnels();
        proxy.wait_for_ends(round);
    }
    CHECK(hidden.records() == 3);
}

TEST_CASE("a tunnel that is cut anywhere: what became of the record is known as well as can be")
{
    for (int const version : {TLS1_3_VERSION, TLS1_2_VERSION}) {
        CAPTURE(version);
        cut_tunnels tunnels(version);
        std::size_t const count = tunnels.cut_everywhere();
        CHECK(count >= 60);
        tunnels.check_claims();
    }
}

TEST_CASE("a call whose tunnel is cut is repeated when that does no harm")
{
    hidden_emulator hidden;
    class row
    {
    public:
        way direction;
        std::size_t record;
        bool sent; ///< A part of the request was.
    };
    // With TLS 1.3 the client's fourth record is the request.
    for (row const& each : {row{way::up, 0, false}, row{way::down, 0, false}, row{way::up, 3, true}}) {
        CAPTURE(static_cast<int>(each.direction));
        CAPTURE(each.record);
        tunnel_plan const cut = tunnel_plan().cut(each.direction, each.record, place::middle, parting::reset);
        std::size_t const records = hidden.records();
        tunnel_proxy const proxy(cut);
        net::io_context io;
        hk::client const writer(io.get_executor(), hidden.options(proxy.url()).retry(quickly(3)));
        auto const produced = run(io, writer.produce("orders", hk::records("v")));
        CHECK(produced.good() != each.sent);
        CHECK(proxy.connections() == (each.sent ? 1 : 2));
        CHECK(hidden.records() == records + (each.sent ? 0 : 1));

        tunnel_proxy const again(cut);
        hk::client const reader(io.get_executor(), hidden.options(again.url()).retry(quickly(3)));
        CHECK(run(io, reader.topics()).good());
        CHECK(again.connections() == 2);
    }
}

TEST_CASE("a tunnel through which nothing comes any more")
{
    hidden_emulator const hidden;
    // Within the handshake, and within the request.
    for (std::size_t const record : {std::size_t{0}, std::size_t{3}})
        for (bool const cancelled : {true, false}) {
            CAPTURE(record);
            CAPTURE(cancelled);
            std::size_t const before = client_sockets();
            gate const there;
            tunnel_proxy const proxy(
                tunnel_plan().cut(way::up, record, place::middle, parting::stall).tell(there));
            net::io_context io;
            hk::client_options options = hidden.options(proxy.url());
            if (!cancelled && record == 0)
                options.connect_timeout(50ms);
            if (!cancelled && record != 0)
                options.idle_timeout(50ms);
            std::optional<hk::client> client(std::in_place, io.get_executor(), options);
            running_call<hk::receipt> call(io, client->produce("orders", hk::records("v")));
            if (cancelled) {
                work_until(io, [&there] { return there.is_open(); });
                while (io.poll() != 0) {
                }
                call.cancel();
            }
            io.restart();
            io.run();
            hk::errc const limit = record == 0 ? hk::errc::connect_timeout : hk::errc::idle_timeout;
            CHECK(call.end.code() == (cancelled ? net::error::make_error_code(net::error::operation_aborted)
                                                : hk::make_error_code(limit)));
            CHECK(call.end.error().info().persisted() ==
                  (record == 0 ? hk::persistence::none : hk::persistence::possibly));
            proxy.wait_for_ends(1);
            if (cancelled || record == 0)
                CHECK(client_sockets() == before);
            client.reset(); // with it the connection that looked for the topic
            proxy.wait_for_ends(proxy.lines().size());
            CHECK(client_sockets() == before);
        }
    CHECK(hidden.records() == 0);
}

// The emulator among hostile clients, while a good one goes on. HDIKAFKA_CASES says how many they are,
// HDIKAFKA_SEED what the first of them does.
#include "support/base/live_memory.hpp"
#include "support/base/waiting.hpp"
#include "support/net/blocking_peer.hpp"

#include <hdikafka/emulator.hpp>

#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/post.hpp>
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <exception>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace {

namespace hk = hdikafka;
namespace net = hk::net;
using std::size_t;
using std::string;
using test::blocking_peer;

constexpr size_t mebibyte = 1024 * 1024;
constexpr size_t kind_count = 11;

std::uint64_t number(char const* name, std::uint64_t usual)
{
    char const* const text = std::getenv(name);
    return text ? std::stoull(text) : usual;
}

string request(string const& line, string const& fields)
{
    return line + " HTTP/1.1\r\nHost: x\r\n" + fields + "\r\n";
}

string const produce_line = "POST /v1/producer/topics/orders";
string const read_line = "GET /v1/consumer/topics/large/partitions/0/offsets/0?count=1";

/// Attacks one connection at a time, and leaves some of them open.
class hostile_client
{
public:
    hostile_client(hk::emulator const& emulator, string const& token)
        : emulator_(emulator), bearer_("Authorization: Bearer " + token + "\r\n")
    {}

    /// Whether the emulator did as it should with the kind of attack that the seed chooses.
    bool attack(std::uint64_t seed)
    {
        random_.seed(seed);
        try {
            return attack_with(random_() % kind_count);
        } catch (std::exception const&) { // the emulator may close while we send, as it may reset
            return true;
        }
    }

private:
    bool attack_with(size_t kind)
    {
        switch (kind) {
        case 0: return without_tls();
        case 1: return beneath_tls();
        case 2: return answered(garbage() + "\r\n\r\n", 400);
        case 3: return left_behind(request("GET /v1/status", "A: b").substr(0, random_() % 40));
        case 4: return answered(request("GET /v1/status", "A: " + string(100'000, 'a') + "\r\n"), 431);
        case 5: return answered(request("GET /v1/status", many_fields()), 431);
        case 6: return chunk_extensions();
        case 7: return large_body();
        case 8: return reset();
        case 9: return in_a_row();
        default: return never_read();
        }
    }

    string garbage()
    {
        string out(1 + random_() % 2'000, '\0');
        for (char& each : out)
            each = static_cast<char>(1 + random_() % 255);
        return out;
    }

    static string many_fields()
    {
        string out;
        for (int i = 0; i != 200; ++i)
            out += "A: b\r\n";
        return out;
    }

    blocking_peer peer() const { return blocking_peer(emulator_.port(), emulator_.ca_pem()); }

    /// Bytes on the bare socket end the connection, whatever they are.
    bool ends_after(blocking_peer& with, string const& bytes)
    {
        net::error_code failure;
        net::write(with.socket(), net::buffer(bytes), failure);
        with.socket().shutdown(net::ip::tcp::socket::shutdown_send, failure);
        return with.receive().status == 0;
    }

    bool without_tls()
    {
        blocking_peer bare(emulator_.port());
        return ends_after(bare, garbage());
    }

    bool beneath_tls()
    {
        blocking_peer with = peer();
        with.send("GET /v1/status HTTP/1.1\r\n");
        return ends_after(with, garbage());
    }

    bool answered(string const& text, int status)
    {
        blocking_peer with = peer();
        with.send(text);
        int const heard = with.receive().status;
        return heard == status || heard == 503 || heard == 0;
    }

    bool left_behind(string const& text) { return left_behind(text, left_open_); }

    bool left_behind(string const& text, std::deque<blocking_peer>& among) const
    {
        if (among.size() == 8)
            among.pop_front();
        among.push_back(peer());
        among.back().send(text);
        return true;
    }

    bool chunk_extensions()
    {
        blocking_peer with = peer();
        with.send(request(produce_line, bearer_ + "Transfer-Encoding: chunked\r\n"));
        for (int i = 0; i != 200; ++i)
            with.send("1;a=" + string(1'000, 'a') + "\r\nx\r\n");
        int const heard = with.receive().status;
        return heard == 400 || heard == 503;
    }

    bool large_body()
    {
        blocking_peer with = peer();
        with.send(request(produce_line, "Content-Length: 2000000\r\n"));
        bool const refused = with.receive().status == 401;
        for (size_t sent = 0; sent < mebibyte; sent += 65'536)
            with.send(string(65'536, 'x'));
        return refused;
    }

    /// In the midst of a body that would be taken.
    bool reset()
    {
        blocking_peer with = peer();
        with.send(request(produce_line, bearer_ + "Content-Length: 1000000\r\n") + string(500'000, 'x'));
        with.socket().set_option(net::socket_base::linger(true, 0));
        return true;
    }

    bool in_a_row()
    {
        blocking_peer with = peer();
        string all;
        for (int i = 0; i != 100; ++i)
            all += request(i % 2 == 0 ? "GET /v1/status" : "GET /nowhere", "");
        with.send(all);
        for (int i = 0; i != 100; ++i)
            if (with.receive().status != (i % 2 == 0 ? 200 : 404))
                return false;
        return true;
    }

    bool never_read()
    {
        string all = request("GET /v1/status", "");
        for (int i = 0; i != 50; ++i)
            all += request(read_line, bearer_);
        return left_behind(all, unread_) &&
               unread_.back().receive().status == 200; // the others are on their way
    }

    hk::emulator const& emulator_;
    string bearer_;
    std::mt19937_64 random_;
    std::deque<blocking_peer> left_open_;
    std::deque<blocking_peer> unread_;
};

/// Writes and reads as long as it is told to.
class good_client
{
public:
    void work(hk::emulator const& emulator, std::atomic<bool> const& enough)
    {
        try {
            while (!enough || succeeded < 20)
                visit(emulator);
        } catch (std::exception const& failure) {
            what = failure.what();
        }
    }

    int succeeded = 0;
    int failed = 0;
    string what; ///< Why it gave up.

private:
    /// Ten produces and reads on a connection.
    void visit(hk::emulator const& emulator)
    {
        blocking_peer peer(emulator.port(), emulator.ca_pem());
        string const token = peer.fetch_token();
        for (int i = 0; i != 10; ++i) {
            string const value = std::to_string(succeeded + failed);
            bool const produced = peer.exchange("POST", "/v1/producer/topics/orders", token,
                                                R"({"records":[{"value":)" + value + "}]}")
                                      .status == 200;
            auto const read = peer.exchange(
                "GET", "/v1/consumer/topics/orders/partitions/0/offsets/" + value + "?count=1", token);
            bool const good =
                produced && read.status == 200 && read.body.find("\"value\":" + value + ",") != string::npos;
            ++(good ? succeeded : failed);
        }
    }
};

} // namespace

TEST_CASE("among hostile clients a good one is served, and memory is bounded")
{
    std::uint64_t const first = number("HDIKAFKA_SEED", 1);
    std::uint64_t const cases = number("HDIKAFKA_CASES", 250);
    MESSAGE("seeds " << first << " to " << first + cases - 1);
    constexpr size_t buffered = 2 * mebibyte;
    net::io_context io;
    hk::emulator emulator(io.get_executor(), hk::emulator_options().max_buffered_bytes(buffered));
    emulator.add_topic("orders");
    emulator.add_topic("large");
    emulator.append_raw("large", 0, '"' + string(mebibyte, 'x') + '"');
    emulator.start();
    size_t const before = test::live_bytes();

    std::atomic<std::uint64_t> next = first;
    std::atomic<std::uint64_t> bad_seed = 0;
    std::atomic<bool> enough = false;
    std::atomic<size_t> at_work = 5;
    good_client good;
    std::vector<std::thread> threads;
    threads.emplace_back([&] {
        good.work(emulator, enough);
        --at_work;
        net::post(io, [] {}); // to look at that
    });
    for (int i = 0; i != 4; ++i)
        threads.emplace_back([&] {
            string const token = blocking_peer(emulator.port(), emulator.ca_pem()).fetch_token();
            hostile_client hostile(emulator, token);
            for (std::uint64_t seed = next++; seed < first + cases; seed = next++)
                if (!hostile.attack(seed))
                    bad_seed = seed;
            if (--at_work == 1)
                enough = true;
            net::post(io, [] {});
        });
    size_t most = 0;
    for (std::uint64_t soon = first; at_work != 0; soon += 100)
        test::step_until(io, [&] {
            most = std::max(most, test::live_bytes());
            return at_work == 0 || (next > soon && !enough);
        });
    for (std::thread& each : threads)
        each.join();

    CHECK(bad_seed.load() == 0);
    CHECK(good.what.empty());
    CHECK(good.failed == 0);
    CHECK(good.succeeded >= 20);
    CHECK(emulator.records("orders", 0).size() == static_cast<size_t>(good.succeeded));
    // Besides what is counted: seventy connections, an answer as it is made, what is written and what is
    // remembered.
    constexpr size_t uncounted = 22 * mebibyte;
    CAPTURE(most - before);
    CHECK(most - std::min(most, before) < buffered + uncounted + 1'024 * cases);
    emulator.stop();
    io.restart();
    io.run(); // nothing is left that would keep it
}

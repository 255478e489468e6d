// A TCP server on a thread pool: each line that a peer sends becomes a record, and "ok" goes back when it is
// written. SIGINT or SIGTERM ends it: no more peers, no more lines; what is being written is finished.
//   line_server [topic]    listens on a free port of this machine; without a topic it makes one
#include "support/cluster.hpp"

#include <hdikafka.hpp>

#include <asio.hpp>
#include <asio/experimental/awaitable_operators.hpp>

#include <atomic>
#include <iostream>

namespace hk = hdikafka;
using asio::use_awaitable, asio::ip::tcp;
using namespace std::chrono_literals;

std::atomic<bool> stopping = false;
std::atomic<int> peers = 0, stored = 0, failed = 0;

/// Runs on a strand. None of its waits is long, so that the server's end can wait for it: 8 s for a record,
/// and 1 s for a line, again and again until the peer has been silent for a minute.
asio::awaitable<void> serve(tcp::socket peer, hk::client client, std::string topic)
{
    using namespace asio::experimental::awaitable_operators;
    peer.non_blocking(true);
    std::string received; // keeps what was read when the timer is first: the next read goes on from there
    for (int silent = 0; silent < 60 && !stopping; ++silent) {
        asio::steady_timer timer(peer.get_executor(), 1s);
        auto line = asio::async_read_until(peer, asio::dynamic_buffer(received, 4096), '\n', use_awaitable);
        auto const first = co_await (hk::as_result(std::move(line)) || timer.async_wait(use_awaitable));
        if (first.index() == 1)
            continue;
        std::size_t const length = std::get<0>(first).value(); // throws: the peer is gone, the line too long
        hk::record const record(received.substr(0, length - 1)); // throws: not UTF-8
        received.erase(0, length);
        auto produced = client.produce(topic, record, hk::call_options().timeout(8s));
        auto const receipt = co_await hk::as_result(std::move(produced));
        bool const good = receipt && receipt.value().persisted() == hk::persistence::done;
        ++(good ? stored : failed);
        peer.write_some(asio::buffer(good ? "ok\n" : "no\n", 3)); // throws: it takes no answers; nobody waits
        silent = 0;
    }
}

asio::awaitable<void> accept(tcp::acceptor& acceptor, asio::thread_pool& pool, hk::client client,
                             std::string topic)
{
    while (!stopping) {
        asio::any_io_executor const strand = asio::make_strand(pool);
        auto peer = co_await hk::as_result(acceptor.async_accept(strand, use_awaitable));
        if (peer && peers < 200) { // otherwise it is hung up on
            ++peers;
            asio::co_spawn(strand, serve(std::move(peer).value(), client, topic), [](auto) { --peers; });
        }
    }
}

int main(int argc, char** argv)
try {
    examples::cluster const cluster; // your own, or an emulator: see support/cluster.hpp
    std::string const topic = argc > 1 ? argv[1] : examples::new_name("lines");
    asio::thread_pool pool(4);
    hk::client const client(pool.get_executor(), cluster.options());
    if (argc == 1)
        asio::co_spawn(pool, client.create_topic(topic), asio::use_future).get();
    tcp::acceptor acceptor(asio::make_strand(pool), tcp::endpoint(asio::ip::address_v4::loopback(), 0));
    asio::signal_set signals(acceptor.get_executor(), SIGINT, SIGTERM);
    signals.async_wait([&](std::error_code, int) { stopping = true, acceptor.close(); });
    std::cout << "port " << acceptor.local_endpoint().port() << ", topic " << topic << std::endl;
    asio::co_spawn(acceptor.get_executor(), accept(acceptor, pool, client, topic), asio::detached);
    pool.join(); // until the last peer's line is finished
    std::cout << stored << " lines stored, " << failed << " failed" << std::endl;
} catch (std::exception const& failure) {
    std::cerr << failure.what() << "\n";
    return 1;
}

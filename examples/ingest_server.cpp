// An HTTP server on a thread pool: each POST of JSON becomes a record, all through one producer. What comes
// while a batch is under way travels with the next: thousands of requests at a time take few batches.
// 200: the record is written, and where, if known. 503: it is not ("none") or may be ("possibly"). 4xx: it is
// not JSON, or not understood. SIGINT or SIGTERM: no more peers or requests; what is under way is finished.
//   ingest_server [topic]    listens on a free port of this machine; without a topic it makes one
#include "support/cluster.hpp"
#include "support/http_peer.hpp"
#include "support/outcome.hpp"

#include <hdikafka.hpp>

#include <asio.hpp>

#include <iostream>

namespace hk = hdikafka;
using asio::use_awaitable, asio::ip::tcp;
using namespace std::chrono_literals;

std::atomic<bool> stopping = false;
std::atomic<int> peers = 0;

/// Runs on a strand. None of its waits is long, so that the server's end can wait for it.
asio::awaitable<void> serve(tcp::socket socket, hk::producer producer, std::string topic)
{
    examples::http_peer peer(std::move(socket), 900'000); // bytes of a body; a batch takes a million
    while (!stopping) {
        auto const body = co_await peer.next(1s); // throws: the peer is gone, too slow, or refused
        if (!body)
            continue;
        if (auto const value = hk::json::try_parse(*body)) {
            auto sending = producer.send(topic, hk::record(value.value()), hk::call_options().timeout(8s));
            examples::outcome const told(co_await hk::as_result(std::move(sending)));
            peer.answer(told.done() ? 200 : 503, told.json());
        } else {
            peer.answer(400, value.error().what());
        }
    }
}

asio::awaitable<void> accept(tcp::acceptor& acceptor, asio::thread_pool& pool, hk::producer producer,
                             std::string topic)
{
    for (int const most = examples::room_for_peers(); !stopping;) {
        asio::any_io_executor const strand = asio::make_strand(pool);
        auto peer = co_await hk::as_result(acceptor.async_accept(strand, use_awaitable));
        if (peer && peers < most) { // otherwise it is hung up on
            ++peers;
            asio::co_spawn(strand, serve(std::move(peer).value(), producer, topic),
                           [](auto) { --peers, peers.notify_one(); });
        }
    }
}

int main(int argc, char** argv)
try {
    examples::cluster const cluster; // your own, or an emulator: see support/cluster.hpp
    std::string const topic = argc > 1 ? argv[1] : examples::new_name("ingest");
    asio::thread_pool pool(4);
    hk::client const client(pool.get_executor(), cluster.options());
    if (argc == 1)
        asio::co_spawn(pool, client.create_topic(topic), asio::use_future).get();
    hk::producer const producer(client);
    tcp::acceptor acceptor(asio::make_strand(pool), tcp::endpoint(asio::ip::address_v4::loopback(), 0));
    asio::signal_set signals(acceptor.get_executor(), SIGINT, SIGTERM);
    signals.async_wait([&](std::error_code, int) { stopping = true, acceptor.close(); });
    std::cout << "port " << acceptor.local_endpoint().port() << ", topic " << topic << std::endl;
    asio::co_spawn(acceptor.get_executor(), accept(acceptor, pool, producer, topic), asio::use_future).get();
    for (int left = peers; left != 0; left = peers)
        peers.wait(left); // after the signal, until every request under way has its answer
    asio::co_spawn(pool, producer.close(), asio::use_future).get();
    pool.join();
    auto const all = producer.statistics();
    std::cout << all.acknowledged << " records stored in " << all.batches << " batches, " << all.failed
              << " failed, " << all.doubtful << " in doubt; p99: " << all.queue_time.quantile(0.99).count()
              << " us waiting, " << all.flight_time.quantile(0.99).count() << " us under way" << std::endl;
} catch (std::exception const& failure) {
    std::cerr << failure.what() << "\n";
    return 1;
}

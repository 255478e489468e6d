// An emulator on threads of its own, for tests.
#ifndef HDIKAFKA_TESTS_SERVED_EMULATOR_HPP
#define HDIKAFKA_TESTS_SERVED_EMULATOR_HPP

#include "support/net/blocking_peer.hpp"

#include <hdikafka/emulator.hpp>

#include <asio/io_context.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace test {

namespace hk = hdikafka;

/// An emulator that runs on its own threads until the end of the test.
class served_emulator
{
public:
    explicit served_emulator(hk::emulator_options options = hk::emulator_options(), std::size_t threads = 1)
        : emulator(io.get_executor(), std::move(options))
    {
        emulator.start();
        for (std::size_t i = 0; i < threads; ++i)
            threads_.emplace_back([this] { io.run(); });
    }

    ~served_emulator()
    {
        emulator.stop();
        join();
    }

    /// Waits until the emulator leaves the executor without work.
    void join()
    {
        for (auto& thread : threads_)
            thread.join();
        threads_.clear();
    }

    blocking_peer peer(std::string const& name = "127.0.0.1") const
    {
        return blocking_peer(emulator.port(), emulator.ca_pem(), name);
    }

    /// To the endpoints for managed identities.
    blocking_peer identity_peer() const { return blocking_peer(identity_port()); }

    std::uint16_t identity_port() const
    {
        std::string const url = emulator.identity_endpoint();
        return static_cast<std::uint16_t>(std::stoi(url.substr(url.rfind(':') + 1)));
    }

    net::io_context io;
    hk::emulator emulator;

private:
    std::vector<std::thread> threads_;
};

} // namespace test

#endif

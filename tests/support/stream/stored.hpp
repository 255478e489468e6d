// Checkpoints in a file, and what works on it.
#ifndef HDIKAFKA_TESTS_SUPPORT_STORED_HPP
#define HDIKAFKA_TESTS_SUPPORT_STORED_HPP

#include "support/net/running.hpp"

#include <hdikafka/checkpoint_store.hpp>

#include <asio/io_context.hpp>

#include <cstdint>
#include <fstream>
#include <iterator>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace test {

using points = std::vector<hk::checkpoint>;

inline hk::checkpoint point(std::int64_t next, std::string topic = "orders", std::int32_t partition = 0)
{
    hk::checkpoint out;
    out.topic = std::move(topic);
    out.partition = partition;
    out.next_offset = next;
    return out;
}

inline std::string content(std::string const& path)
{
    std::ifstream in(path);
    return std::string(std::istreambuf_iterator<char>(in), {});
}

/// A store and what works for it.
class stored
{
public:
    explicit stored(std::string const& path) : store(path) {}

    ending<std::vector<hk::checkpoint>> load(std::string topic = "orders")
    {
        return run(io, store.load(std::move(topic)));
    }
    std::error_code save(hk::checkpoint what) { return run(io, keep(store, std::move(what))).code(); }

    net::io_context io;
    hk::file_checkpoint_store store;

private:
    static net::awaitable<int> keep(hk::file_checkpoint_store store, hk::checkpoint what)
    {
        co_await store.save(std::move(what));
        co_return 0;
    }
};

} // namespace test

#endif

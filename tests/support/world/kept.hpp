// Checkpoints in memory.
#ifndef HDIKAFKA_TESTS_SUPPORT_KEPT_HPP
#define HDIKAFKA_TESTS_SUPPORT_KEPT_HPP

#include <hdikafka.hpp>

#include <asio/awaitable.hpp>

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace test {

namespace hk = hdikafka;

/// Of one topic.
class kept_in_memory final : public hk::checkpoint_store
{
public:
    asio::awaitable<std::vector<hk::checkpoint>> load(std::string) override { return load_from(this); }
    asio::awaitable<void> save(hk::checkpoint what) override { return save_to(this, std::move(what)); }

    std::map<std::int32_t, hk::checkpoint> all;

private:
    static asio::awaitable<std::vector<hk::checkpoint>> load_from(kept_in_memory* store)
    {
        std::vector<hk::checkpoint> out;
        for (auto const& [id, one] : store->all)
            out.push_back(one);
        co_return out;
    }

    static asio::awaitable<void> save_to(kept_in_memory* store, hk::checkpoint what)
    {
        store->all[what.partition] = std::move(what);
        co_return;
    }
};

} // namespace test

#endif

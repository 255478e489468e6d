// Senders of a test: many at a time, each with the end it came to.
#ifndef HDIKAFKA_TESTS_SUPPORT_SENDS_HPP
#define HDIKAFKA_TESTS_SUPPORT_SENDS_HPP

#include "support/emulator/emulated.hpp"
#include "support/net/running.hpp"

#include <hdikafka/producer.hpp>

#include <cstddef>
#include <deque>
#include <memory>
#include <string>
#include <utility>

namespace test {

/// Starts sends and keeps how they ended. Used by the thread that works on the context.
class sends
{
public:
    sends(net::io_context& io, hk::producer who) : io_(io), producer_(std::move(who)) {}

    /// Starts one, which cannot be cancelled; its number.
    std::size_t start(std::string topic, hk::record one, hk::call_options options = hk::call_options())
    {
        ends_.emplace_back();
        test::start(io_.get_executor(), producer_.send(std::move(topic), std::move(one), std::move(options)),
                    ends_.back());
        return ends_.size() - 1;
    }

    /// Starts so many, with their numbers as values.
    void start_many(std::string const& topic, std::size_t count)
    {
        for (std::size_t i = 0; i != count; ++i)
            start(topic, hk::record(ends_.size()));
    }

    std::size_t size() const { return ends_.size(); }
    ending<hk::receipt> const& operator[](std::size_t i) const { return ends_[i]; }

    /// Works until all have ended.
    void finish()
    {
        work_until(io_, [this] { return all_ended(); });
    }

    bool all_ended() const
    {
        for (auto const& one : ends_)
            if (!one.happened())
                return false;
        return true;
    }

    /// What one was told of its record, by receipt or error.
    hk::persistence claim(std::size_t i) const
    {
        return ends_[i].good() ? ends_[i].get().value().persisted(0) : ends_[i].error().info().persisted();
    }

private:
    net::io_context& io_;
    hk::producer producer_;
    std::deque<ending<hk::receipt>> ends_; // each stays where it is
};

/// The values that start_many() gives so many.
inline std::vector<std::string> numbers(std::size_t count)
{
    std::vector<std::string> out;
    for (std::size_t i = 0; i != count; ++i)
        out.push_back(std::to_string(i));
    return out;
}

/// What an emulator's partition holds, as the texts of the values.
inline std::vector<std::string> values(hk::emulator const& service, std::string_view topic,
                                       std::int32_t partition = 0)
{
    std::vector<std::string> out;
    for (auto const& one : service.records(topic, partition))
        out.push_back(one.value);
    return out;
}

} // namespace test

#endif

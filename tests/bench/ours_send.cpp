// Records sent one by one, each by a coroutine of its own, in as large batches as one wishes.
#include "ours_send.hpp"

#include "bench.hpp"

#include <hdikafka/producer.hpp>

#include <asio/co_spawn.hpp>

#include <exception>
#include <utility>

namespace bench {

namespace hk = hdikafka;

namespace {

/// Starts the next round when the last receipt of the one before is there.
class sender
{
public:
    sender(asio::io_context& io, hk::client client, int rounds, int records)
        : io_(io), producer_(std::move(client)), rounds_(rounds), records_(records)
    {}

    void start_round()
    {
        missing_ = records_;
        for (int i = 0; i < records_; ++i)
            asio::co_spawn(io_, producer_.send("sent", hk::record(record_value)),
                           [this](std::exception_ptr failure, hk::receipt const& told) {
                               ended(std::move(failure), told);
                           });
    }

    void check() const
    {
        if (failure_)
            std::rethrow_exception(failure_);
        require(producer_.statistics().batches == static_cast<std::size_t>(rounds_),
                "not a batch each round");
    }

private:
    void ended(std::exception_ptr failure, hk::receipt const& told)
    {
        if (failure || told.persisted() != hk::persistence::done)
            failure_ = failure ? failure : std::make_exception_ptr(std::logic_error("not the receipt"));
        if (--missing_ == 0 && ++done_ != rounds_ && !failure_)
            start_round();
    }

    asio::io_context& io_;
    hk::producer producer_;
    int const rounds_;
    int const records_;
    int missing_ = 0;
    int done_ = 0;
    std::exception_ptr failure_;
};

} // namespace

void send_in_rounds(asio::io_context& io, hk::client client, int rounds, int records)
{
    sender all(io, std::move(client), rounds, records);
    all.start_round();
    io.run();
    all.check();
}

} // namespace bench

// Producers with random options, senders who come and go at random, and a service and a line to it that fail
// at random: what each sender is told of his record is held against the service's log.
#include "support/net/cable.hpp"
#include "support/emulator/emulated.hpp"
#include "support/net/running.hpp"

#include <hdikafka/producer.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

using namespace test;

namespace {

using random_engine = std::mt19937_64;

int up_to(random_engine& random, int most) { return std::uniform_int_distribution<int>(0, most)(random); }
bool chance(random_engine& random, int percent) { return up_to(random, 99) < percent; }

std::array<std::string, 2> const topics{"orders", "others"};
constexpr std::int32_t partitions = 3;

/// One record and its sender.
class sender
{
public:
    int number = 0;
    std::string topic;
    std::optional<std::int32_t> partition; ///< That it was sent to, if to one.
    std::unique_ptr<running_call<hk::receipt>> call;
    hk::delivery taken; ///< When it was tried: asked for its receipt at the end.

    ending<hk::receipt> const& end() const { return call->end; }
    hk::persistence claim() const
    {
        return end().good() ? end().get().value().persisted(0) : end().error().info().persisted();
    }
};

/// How often each claim was made, so that the test shows what it has tried.
class tally
{
public:
    std::size_t none = 0;
    std::size_t possibly = 0;
    std::size_t possibly_there = 0;
    std::size_t done = 0;
    std::size_t twice = 0;
};

/// The service, the line to it, and a client, which many cases share.
class site
{
public:
    site()
        : service(hk::emulator_options().produce_answer(hk::emulator_produce_answer::offsets)),
          line(service.io, service.emulator.port()),
          who(service.emulator.credential())
    {
        for (std::string const& topic : topics)
            service.emulator.add_topic(topic, partitions);
        hk::client const direct(service.io.get_executor(), service.emulator.client_options().credential(who));
        REQUIRE(service.run(direct.topics())); // from now on there is a token
    }

    hk::client client(hk::retry_policy policy)
    {
        return hk::client(service.io.get_executor(),
                          hk::client_options("https://127.0.0.1:" + std::to_string(line.port()))
                              .credential(who)
                              .tls(hk::tls_options().ca_pem(service.emulator.ca_pem()))
                              .retry(std::move(policy)));
    }

    /// Works until the service has dealt with everything that went through before a cut.
    void settle()
    {
        step_until(service.io, [this] { return line.settled(); });
    }

    /// The values of a partition, without those of earlier cases.
    std::vector<hk::emulator_record> log(std::string const& topic, std::int32_t partition) const
    {
        return service.emulator.records(topic, partition);
    }

    void forget_records()
    {
        for (std::string const& topic : topics)
            for (std::int32_t i = 0; i != partitions; ++i)
                service.emulator.trim(topic, i, service.emulator.watermarks(topic, i).second);
    }

    emulated service;
    cable line;
    hk::credential who;
};

/// One producer's life.
class model_run
{
public:
    model_run(site& where, std::uint64_t seed, tally& seen)
        : random_(seed),
          site_(where),
          tally_(seen),
          at_least_once_(chance(random_, 20)),
          ordered_(chance(random_, 60)),
          by_key_(chance(random_, 40)),
          client_(where.client(quickly(up_to(random_, 3)))),
          producer_(std::in_place, client_, random_options()),
          faults_(chance(random_, 70) ? up_to(random_, 30) : 0),
          cancellations_(chance(random_, 40) ? up_to(random_, 30) : 0)
    {}

    /// What went wrong, or nothing.
    std::string failure()
    {
        int const count = 1 + up_to(random_, 25);
        int const last_word = up_to(random_, 9);
        while (static_cast<int>(senders_.size()) < count) {
            act();
            work(up_to(random_, 6));
        }
        std::optional<running_call<void>> closing;
        if (last_word < 3)
            closing.emplace(io(), producer_->close(hk::call_options().timeout(last_word == 0 ? 0ms : 60s)));
        work(up_to(random_, 60));
        for (sender& one : senders_)
            if (!one.call)
                one.call = std::make_unique<running_call<hk::receipt>>(io(), one.taken.receipt());
        work(1); // or a receipt() would be called after its delivery's end, which changes nothing
        if (last_word == 3)
            producer_.reset();
        else if (last_word == 4)
            client_.close();
        work_until(io(), [&] { return all_ended() && (!closing || closing->end.happened()); });
        if (producer_ && producer_->statistics().buffered_records != 0 && cancellations_ == 0)
            return "something is left in the buffer";
        client_.close();
        site_.settle();
        take_all_steps();
        std::string const wrong = compare();
        site_.forget_records();
        return wrong;
    }

private:
    hk::producer_options random_options()
    {
        hk::producer_options out;
        out.max_batch_records(1 + static_cast<std::size_t>(up_to(random_, 6)));
        out.max_in_flight(ordered_ ? 1 : 1 + static_cast<std::size_t>(up_to(random_, 3)));
        out.buffer_records(1 + static_cast<std::size_t>(up_to(random_, 12)));
        out.linger(std::chrono::milliseconds(chance(random_, 20) ? up_to(random_, 2) : 0));
        out.at_least_once(at_least_once_);
        if (by_key_)
            out.partitioner(hk::partitioner::murmur2);
        return out;
    }

    net::io_context& io() { return site_.service.io; }

    void work(int steps)
    {
        io().restart();
        for (int i = 0; i != steps; ++i)
            io().poll_one();
    }

    void take_all_steps()
    {
        io().restart();
        while (io().poll() != 0) {
        }
    }

    bool all_begun() const
    {
        return std::all_of(senders_.begin(), senders_.end(),
                           [](sender const& one) { return !one.call || one.call->has_begun(); });
    }

    bool all_ended() const
    {
        return std::all_of(senders_.begin(), senders_.end(),
                           [](sender const& one) { return one.end().happened(); });
    }

    void act()
    {
        if (chance(random_, faults_))
            fail();
        if (chance(random_, cancellations_) && !senders_.empty())
            cancel(senders_[static_cast<std::size_t>(up_to(random_, static_cast<int>(senders_.size()) - 1))]);
        send();
    }

    void send()
    {
        sender& one = senders_.emplace_back();
        one.number = static_cast<int>(senders_.size());
        one.topic = topics.at(static_cast<std::size_t>(up_to(random_, 1)));
        hk::record what =
            by_key_ ? hk::record(std::to_string(up_to(random_, 5)), one.number) : hk::record(one.number);
        if (chance(random_, 40)) {
            one.partition = up_to(random_, partitions - 1);
            what.partition(*one.partition);
        }
        if (chance(random_, 15)) {
            step_until(io(), [this] { return all_begun(); }); // or this one would come before them
            one.taken = producer_->try_send(one.topic, std::move(what));
            if (!one.taken)
                senders_.pop_back();
            return;
        }
        one.call =
            std::make_unique<running_call<hk::receipt>>(io(), producer_->send(one.topic, std::move(what)));
    }

    void cancel(sender& one)
    {
        if (one.call && one.call->has_begun() && !one.call->end.happened())
            one.call->cancel();
    }

    /// Something goes wrong with a request that is to come, or with the line.
    void fail()
    {
        auto const inject = [this](hk::emulator_fault fault) {
            site_.service.emulator.inject(std::move(fault.on(hk::emulator_route::produce)));
        };
        auto const bytes = static_cast<std::size_t>(up_to(random_, 2'500));
        parting const how = chance(random_, 50) ? parting::close : parting::reset;
        switch (up_to(random_, 9)) {
        case 0: return inject(hk::emulator_fault::answer(429));
        case 1: return inject(hk::emulator_fault::answer(503));
        case 2: return inject(hk::emulator_fault::answer(500));
        case 3: return inject(hk::emulator_fault::answer(413));
        case 4: return inject(hk::emulator_fault::drop_request());
        case 5: return inject(hk::emulator_fault::drop_answer());
        case 6: return site_.service.emulator.refuse_records(static_cast<std::size_t>(up_to(random_, 3)));
        case 7: return site_.line.cut_after(way::up, bytes, how);
        case 8: return site_.line.cut_after(way::down, bytes, how);
        default: return site_.line.cut_all(how);
        }
    }

    /// Where each record is, by topic and number: partition and offset.
    using places = std::map<std::pair<std::string, int>, std::vector<std::pair<std::int32_t, std::int64_t>>>;

    places look() const
    {
        places out;
        for (std::string const& topic : topics)
            for (std::int32_t partition = 0; partition != partitions; ++partition)
                for (auto const& one : site_.log(topic, partition))
                    out[{topic, std::stoi(one.value)}].emplace_back(partition, one.offset);
        return out;
    }

    std::string compare()
    {
        places found = look();
        // Of a lane the last offset in each partition.
        std::map<std::pair<std::string, std::optional<std::int32_t>>, std::map<std::int32_t, std::int64_t>>
            last;
        for (sender const& one : senders_) {
            std::string const name = one.topic + " " + std::to_string(one.number);
            auto const there = found[{one.topic, one.number}];
            switch (one.claim()) {
            case hk::persistence::none:
                ++tally_.none;
                if (!there.empty())
                    return name + " is there, although it is said not to be: " + words(one);
                break;
            case hk::persistence::possibly:
                ++tally_.possibly;
                tally_.possibly_there += there.empty() ? 0 : 1;
                if (there.size() > 1 && !at_least_once_)
                    return name + " is there " + std::to_string(there.size()) + " times, possibly";
                break;
            case hk::persistence::done:
                ++tally_.done;
                tally_.twice += there.size() > 1 ? 1 : 0;
                if (there.empty() || (there.size() > 1 && !at_least_once_))
                    return name + " is there " + std::to_string(there.size()) + " times";
                if (auto const wrong = check_place(one, there); !wrong.empty())
                    return name + wrong;
            }
            if (!ordered_ || at_least_once_ || there.empty())
                continue;
            auto const lane = one.partition || !by_key_ ? one.partition : std::optional(there[0].first);
            auto const [at, first] = last[{one.topic, lane}].try_emplace(there[0].first, there[0].second);
            if (!first && at->second >= there[0].second)
                return name + " is before one that was sent earlier";
            at->second = there[0].second;
        }
        return std::string();
    }

    static std::string words(sender const& one)
    {
        return one.end().good() ? "a receipt" : one.end().error().what();
    }

    static std::string check_place(sender const& one,
                                   std::vector<std::pair<std::int32_t, std::int64_t>> const& there)
    {
        hk::receipt const& told = one.end().get().value();
        bool const right = std::any_of(there.begin(), there.end(), [&told](auto const& place) {
            return told.partition(0) == place.first && told.offset(0) == place.second;
        });
        if (!right)
            return " is not where its receipt says";
        if (one.partition && told.partition(0) != one.partition)
            return " is in another partition than it was sent to";
        return std::string();
    }

    random_engine random_;
    site& site_;
    tally& tally_;
    bool const at_least_once_;
    bool const ordered_;
    bool const by_key_;
    hk::client client_;
    std::optional<hk::producer> producer_;
    int const faults_;
    int const cancellations_;
    std::deque<sender> senders_;
};

std::uint64_t setting(char const* name, std::uint64_t otherwise)
{
    char const* const text = std::getenv(name);
    return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

} // namespace

TEST_CASE("whatever goes wrong, what senders are told agrees with the log")
{
    std::uint64_t const first = setting("HDIKAFKA_SEED", 1);
    std::uint64_t const cases = setting("HDIKAFKA_CASES", 2'000);
    tally seen;
    std::optional<site> where;
    for (std::uint64_t seed = first; seed != first + cases; ++seed) {
        if (!where || seed % 500 == 0)
            where.emplace();
        CAPTURE(seed);
        std::string const wrong = model_run(*where, seed, seen).failure();
        CHECK_MESSAGE(wrong.empty(), wrong);
        if (!wrong.empty())
            break;
    }
    MESSAGE("seeds ", first, " to ", first + cases - 1, ": done ", seen.done, " (", seen.twice,
            " twice), none ", seen.none, ", possibly ", seen.possibly, " (", seen.possibly_there, " there)");
    CHECK(seen.done > cases);
    CHECK(seen.none > cases / 10);
    CHECK(seen.possibly > cases / 10);
    CHECK(seen.possibly_there > cases / 20);
    CHECK(seen.twice > cases / 200);
}

// A pool's plan with random callers, connections that die, dials that stall and fail, and time that passes:
// nobody is overtaken, nobody waits while a connection is free, no place is lost, and while dials fail they
// are few.
#include <hdikafka/detail/net/pool_plan.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

using namespace hdikafka::detail;
using namespace std::chrono_literals;

namespace {

using random_engine = std::mt19937_64;
using moment = pool_plan::time_point;

int up_to(random_engine& random, int most) { return std::uniform_int_distribution<int>(0, most)(random); }
bool chance(random_engine& random, int percent) { return up_to(random, 99) < percent; }

class broken : public std::runtime_error
{
    using runtime_error::runtime_error;
};

void require(bool holds, char const* otherwise)
{
    if (!holds)
        throw broken(otherwise);
}

enum class stage : unsigned char
{
    waiting,
    using_one,
    ended, ///< Served, told or gone.
};

class numbered_caller final : public connection_asker
{
public:
    explicit numbered_caller(bool wants_new) : connection_asker(wants_new) {}

    std::uint64_t turn = 0; ///< When it first stood in the line.
    stage where = stage::waiting;
    std::uint64_t joined = 0; ///< When, on the model's own clock of events.
};

class model_dial
{
public:
    dial_ticket ticket;
    std::uint64_t begun = 0; ///< On the same clock.
    moment at;
};

/// What the runs of many seeds came to.
class figures
{
public:
    std::size_t served = 0;
    std::size_t told = 0;
    std::size_t left = 0;
    std::size_t served_by_freed = 0;
    std::size_t surplus = 0;
    std::size_t evicted = 0;
    std::size_t given_up = 0;
    std::size_t asked_again = 0;
    std::size_t paced = 0;
};

class model_run
{
public:
    model_run(std::uint64_t seed, figures& sums)
        : random_(seed),
          limit_(std::size_t(chance(random_, 10) ? 30 + up_to(random_, 20) : 1 + up_to(random_, 5))),
          plan_(limit_),
          failing_(chance(random_, 60) ? up_to(random_, 100) : 0),
          staying_(chance(random_, 20) ? 20 : 0),
          dying_(up_to(random_, 40)),
          wants_fresh_(chance(random_, 40) ? up_to(random_, 60) : 0),
          leaving_(up_to(random_, 10)),
          sums_(sums)
    {}

    /// What went wrong, or nothing.
    std::string failure()
    {
        try {
            for (int steps = 50 + up_to(random_, 250); steps != 0; --steps) {
                happen();
                act();
                check();
            }
            drain();
        } catch (broken const& wrong) {
            return wrong.what();
        }
        return "";
    }

private:
    void happen()
    {
        ++clock_;
        int const which = up_to(random_, 99);
        if (which < 35)
            ask();
        else if (which < 60)
            end_use();
        else if (which < 80)
            end_a_dial();
        else if (which < 92)
            now_ += std::chrono::milliseconds(up_to(random_, chance(random_, 10) ? 2'000 : 60));
        else if (plan_.idle() != 0 && chance(random_, 50))
            plan_.lost_idle();
        if (!chance(random_, leaving_))
            return;
        act();
        leave();
    }

    double share() { return std::uniform_real_distribution<double>(0, 1)(random_); }

    void ask()
    {
        all_.push_back(std::make_unique<numbered_caller>(chance(random_, wants_fresh_)));
        wait(*all_.back());
    }

    void wait(numbered_caller& one)
    {
        one.joined = clock_;
        one.where = stage::waiting;
        if (!one.fresh && plan_.take_idle()) {
            use(one);
            return;
        }
        if (one.turn == 0)
            one.turn = clock_;
        plan_.join(one);
    }

    void use(numbered_caller& one)
    {
        require(one.where == stage::waiting, "served twice");
        one.where = stage::using_one;
        ++using_;
        ++sums_.served;
    }

    std::vector<numbered_caller*> those(stage where) const
    {
        std::vector<numbered_caller*> out;
        for (auto const& one : all_)
            if (one->where == where)
                out.push_back(one.get());
        std::ranges::sort(out, {}, &numbered_caller::turn);
        return out;
    }

    template <class List>
    auto& any_of(List& list)
    {
        return list[std::size_t(up_to(random_, int(list.size()) - 1))];
    }

    void leave()
    {
        auto const waiting = those(stage::waiting);
        if (waiting.empty())
            return;
        numbered_caller& one = *any_of(waiting);
        plan_.leave(one);
        one.where = stage::ended;
        ++sums_.left;
    }

    void end_use()
    {
        auto const users = those(stage::using_one);
        if (users.empty())
            return;
        numbered_caller& one = *any_of(users);
        --using_;
        one.where = stage::ended;
        if (!chance(random_, dying_)) {
            free_one();
        } else {
            plan_.lost();
            if (chance(random_, 30)) { // it had been dead from the beginning
                ++sums_.asked_again;
                wait(one);
            }
        }
    }

    /// A used connection goes to the first who can use it, unless the place is another's, who comes before
    /// and for whom nothing is under way.
    void free_one()
    {
        auto const waiting = those(stage::waiting);
        auto* const next = static_cast<numbered_caller*>(plan_.freed(now_));
        auto const content =
            std::ranges::find_if(waiting, [](numbered_caller const* one) { return !one->fresh; });
        if (!next) {
            bool const owed =
                content != waiting.end() && content - waiting.begin() > std::ptrdiff_t(dials_.size());
            require(content == waiting.end() || owed, "a free connection for nobody");
            return;
        }
        require(content != waiting.end() && next == *content,
                "overtaken by one that takes a used connection");
        ++sums_.served_by_freed;
        use(*next);
    }

    void end_a_dial()
    {
        if (dials_.empty())
            return;
        auto const at = up_to(random_, int(dials_.size()) - 1);
        model_dial const one = dials_[std::size_t(at)];
        dials_.erase(dials_.begin() + at);
        if (one.begun <= given_up_ && chance(random_, 70)) {
            plan_.given_up(one.ticket);
        } else if (chance(random_, failing_)) {
            failed_.push_back(one.begun);
            slow_ = slow_ || one.begun > succeeded_;
            bool const stays = chance(random_, staying_);
            stays_failed_ = stays ? clock_ : stays_failed_;
            plan_.failed(one.ticket, stays, now_, share());
        } else {
            succeed(one);
        }
    }

    void succeed(model_dial const& one)
    {
        failed_.clear();
        slow_ = false;
        succeeded_ = clock_;
        begun_while_slow_.clear();
        auto const waiting = those(stage::waiting);
        auto* const next = static_cast<numbered_caller*>(plan_.dialled(one.ticket));
        require((next == nullptr) == waiting.empty(), "a new connection for nobody");
        sums_.surplus += next ? 0 : 1;
        if (!next)
            return;
        require(next == waiting.front(), "overtaken by one that takes a new connection");
        use(*next);
    }

    void act()
    {
        for (int steps = 0;; ++steps) {
            require(steps < 10'000, "there is always something to do");
            ++clock_;
            pool_step const step = plan_.next(now_, share());
            if (step.action == pool_action::none)
                return;
            if (step.action == pool_action::dial)
                begin(step.ticket);
            else if (step.action == pool_action::tell)
                tell(static_cast<numbered_caller&>(*step.who));
            else if (step.action == pool_action::evict)
                evict();
            else
                give_up();
        }
    }

    void begin(dial_ticket const& ticket)
    {
        require(dials_.size() < those(stage::waiting).size(), "a dial for nobody");
        dials_.push_back(model_dial{ticket, clock_, now_});
        if (!slow_)
            return;
        ++sums_.paced;
        begun_while_slow_.push_back(now_);
        auto const recent =
            std::ranges::count_if(begun_while_slow_, [this](moment at) { return at > now_ - 1s; });
        require(recent <= 8, "a storm of dials");
    }

    void tell(numbered_caller& one)
    {
        require(one.where == stage::waiting, "told twice");
        auto const older = [this](std::uint64_t failed) {
            return std::ranges::none_of(dials_, [&](model_dial const& each) { return each.begun < failed; });
        };
        bool const own = std::ranges::any_of(
            failed_, [&](std::uint64_t failed) { return failed > one.joined && older(failed); });
        bool const served_yet = using_ != 0 && !one.fresh;
        require(stays_failed_ >= one.joined || (own && !served_yet), "told of what is not its own");
        one.where = stage::ended;
        ++sums_.told;
    }

    void evict()
    {
        auto const waiting = those(stage::waiting);
        require(!waiting.empty() && waiting.front()->fresh, "evicted for nobody");
        ++sums_.evicted;
    }

    void give_up()
    {
        require(those(stage::waiting).empty() && using_ == 0, "given up while it is needed");
        given_up_ = clock_;
        ++sums_.given_up;
    }

    void check()
    {
        require(plan_.open() <= limit_, "too many connections");
        require(plan_.in_use() == using_, "a connection in use that nobody uses, or the reverse");
        require(plan_.dials() == dials_.size(), "a dial is lost");
        auto const waiting = those(stage::waiting);
        require(plan_.waiting() == waiting.size(), "one in line is lost");
        bool const only_fresh =
            std::ranges::all_of(waiting, [](numbered_caller const* one) { return one->fresh; });
        require(plan_.idle() == 0 || only_fresh, "one waits while a connection is free");
        bool const room = plan_.open() < limit_ || plan_.idle() != 0;
        bool const open = room && dials_.size() < std::min(waiting.size(), pool_plan::most_dials);
        require(!open || slow_, "one waits while there is room and the way is open");
        require(!open || (plan_.due() > now_ && plan_.due() <= now_ + 1s), "the pause has no end");
        bool const surplus = waiting.empty() && using_ == 0 && !dials_.empty();
        bool const ended = !dials_.empty() && dials_.back().begun <= given_up_;
        require(!surplus || ended || plan_.due() <= now_ + 1s, "a dial for nobody goes on");
    }

    /// Nobody else asks, nobody leaves, and everything ends.
    void drain()
    {
        failing_ = std::min(failing_, 60);
        for (int rounds = 0; rounds != 100'000; ++rounds) {
            ++clock_;
            if (those(stage::waiting).empty() && using_ == 0 && dials_.empty())
                return require(plan_.open() == plan_.idle(), "a place is lost");
            if (plan_.due() != pool_plan::never && chance(random_, 30))
                now_ = std::max(now_, plan_.due());
            else if (chance(random_, 50))
                end_use();
            else
                end_a_dial();
            act();
            check();
        }
        throw broken("it never ends");
    }

    random_engine random_;
    std::size_t limit_;
    pool_plan plan_;
    int failing_; ///< As the following, in percent.
    int staying_;
    int dying_;
    int wants_fresh_;
    int leaving_;
    figures& sums_;
    moment now_ = moment(1h);
    std::uint64_t clock_ = 0; ///< Counts events.
    std::vector<std::unique_ptr<numbered_caller>> all_;
    std::size_t using_ = 0;
    std::vector<model_dial> dials_;     ///< Oldest first.
    std::vector<std::uint64_t> failed_; ///< When the dials began that failed since one succeeded.
    bool slow_ = false;                 ///< One failed that had begun after the last success.
    std::uint64_t succeeded_ = 0;
    std::vector<moment> begun_while_slow_;
    std::uint64_t stays_failed_ = 0; ///< When one failed for good.
    std::uint64_t given_up_ = 0;
};

/// From the environment, for long runs by hand.
std::uint64_t number(char const* name, std::uint64_t usual)
{
    char const* const text = std::getenv(name);
    return text ? std::stoull(text) : usual;
}

} // namespace

TEST_CASE("whatever becomes of calls, connections and dials: each is served in its turn and no place is lost")
{
    std::uint64_t const first = number("HDIKAFKA_SEED", 1);
    std::uint64_t const cases = number("HDIKAFKA_CASES", 10'000);
    MESSAGE("seeds " << first << " to " << first + cases - 1);
    figures sums;
    for (std::uint64_t seed = first; seed != first + cases; ++seed) {
        std::string const wrong = model_run(seed, sums).failure();
        if (!wrong.empty())
            FAIL("seed " << seed << ": " << wrong);
    }
    MESSAGE(sums.served << " served, " << sums.served_by_freed << " by a connection freed, " << sums.told
                        << " told, " << sums.left << " left, " << sums.surplus << " dials for others, "
                        << sums.evicted << " evicted, " << sums.given_up << " times given up, "
                        << sums.asked_again << " asked again, " << sums.paced << " paced");
    for (std::size_t const sum : {sums.served, sums.served_by_freed, sums.told, sums.left})
        CHECK(sum > cases);
    for (std::size_t const sum : {sums.surplus, sums.evicted, sums.given_up, sums.asked_again, sums.paced})
        CHECK(sum > cases / 10);
}

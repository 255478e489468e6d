// A credential's tokens: one cache for each trust.
#ifndef HDIKAFKA_DETAIL_CALL_TOKEN_CACHES_HPP
#define HDIKAFKA_DETAIL_CALL_TOKEN_CACHES_HPP

#include <hdikafka/detail/base/fwd.hpp>
#include <hdikafka/detail/call/token_cache.hpp>
#include <hdikafka/tls_options.hpp>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace hdikafka::inline v0_1::detail {

/// Whether both take the same authorities' word. What configure() does to trust nobody knows; pins are for
/// the service alone.
inline bool same_trust(tls_options const& a, tls_options const& b)
{
    return !a.configure() && !b.configure() && a.verify() == b.verify() && a.ca_file() == b.ca_file() &&
           a.ca_pem() == b.ca_pem();
}

/// A token is only for clients that would have believed the authority that gave it. Thread-safe.
template <class Lazy>
class token_caches
{
public:
    /// `for_all`: what gives the tokens does not go by a client's trust.
    token_caches(source_maker make, bool for_all) : make_(std::move(make)), for_all_(for_all) {}

    /// The tokens of a client that trusts like this.
    token_cache_ptr get(tls_options const& trust)
    {
        bool const alone = !for_all_ && trust.configure();
        if (alone)
            return std::make_shared<token_cache<>>(make_);
        std::lock_guard const lock(mutex_);
        auto const known = std::ranges::find_if(
            kept_, [&](kept const& one) { return for_all_ || same_trust(one.trust, trust); });
        if (known != kept_.end()) {
            std::rotate(known, known + 1, kept_.end());
            return kept_.back().cache;
        }
        make_room();
        return kept_.emplace_back(trust, std::make_shared<token_cache<>>(make_)).cache;
    }

private:
    class kept
    {
    public:
        kept(tls_options whom, token_cache_ptr tokens) : trust(std::move(whom)), cache(std::move(tokens)) {}

        tls_options trust;
        token_cache_ptr cache;
    };

    /// Lets go the oldest that no client has, beyond a few.
    void make_room()
    {
        constexpr std::size_t most = 8;
        auto const unused = [](kept const& one) { return one.cache.use_count() == 1; };
        while (kept_.size() >= most) {
            auto const oldest = std::ranges::find_if(kept_, unused);
            if (oldest == kept_.end())
                return;
            kept_.erase(oldest);
        }
    }

    source_maker const make_;
    bool const for_all_;
    std::mutex mutex_;
    std::vector<kept> kept_; // used last: last
};

} // namespace hdikafka::inline v0_1::detail

#endif

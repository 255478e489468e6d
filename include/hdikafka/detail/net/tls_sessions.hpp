// TLS sessions that the next connection to the same origin can take up again.
#ifndef HDIKAFKA_DETAIL_NET_TLS_SESSIONS_HPP
#define HDIKAFKA_DETAIL_NET_TLS_SESSIONS_HPP

#include <hdikafka/detail/base/openssl_handle.hpp>

#include <openssl/ssl.h>

#include <chrono>
#include <cstddef>
#include <mutex>
#include <utility>
#include <vector>

namespace hdikafka::inline v0_1::detail {

/// The newest sessions of one origin. They were verified for it, and are not verified again when they are
/// taken up: one store must never serve two origins. Thread-safe.
template <class = void>
class tls_sessions
{
public:
    /// Lets connections of this context hand in what the server gives them.
    static void collect_from(SSL_CTX* context)
    {
        SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
        SSL_CTX_sess_set_new_cb(context, &tls_sessions::on_new_session);
    }

    /// Offers the newest session to a connection that is about to be made, and takes in what that is given.
    /// The store outlives the connection.
    void offer_to(SSL* connection)
    {
        SSL_set_ex_data(connection, slot(), this);
        tls_session_ptr const session = take();
        if (session)
            SSL_set_session(connection, session.get());
    }

    /// The connection stands: an older session that it took up may be taken up again.
    void keep(SSL* connection)
    {
        if (SSL_session_reused(connection) == 1 && SSL_version(connection) < TLS1_3_VERSION)
            put(tls_session_ptr(SSL_get1_session(connection)), false);
    }

private:
    using clock = std::chrono::steady_clock;

    static constexpr std::size_t most = 4; // servers send one or two tickets a connection
    // A session begets the next one without the certificate being looked at again.
    static constexpr std::chrono::hours longest_trust{24};

    /// Each is offered once: one of TLS 1.3 so that nobody can tell that two connections belong together (RFC
    /// 8446 C.4), an older one comes back from keep() unless the server broke off at the sight of it.
    tls_session_ptr take()
    {
        std::lock_guard const lock(mutex_);
        if (clock::now() - verified_at_ > longest_trust)
            sessions_.clear();
        // OpenSSL spoils the session of a connection that ends without close_notify.
        while (!sessions_.empty() && SSL_SESSION_is_resumable(sessions_.back().get()) != 1)
            sessions_.pop_back();
        if (sessions_.empty())
            return tls_session_ptr();
        tls_session_ptr taken = std::move(sessions_.back());
        sessions_.pop_back();
        return taken;
    }

    void put(tls_session_ptr session, bool verified_now)
    {
        std::lock_guard const lock(mutex_);
        if (verified_now)
            verified_at_ = clock::now();
        if (sessions_.size() == most)
            sessions_.erase(sessions_.begin());
        sessions_.push_back(std::move(session));
    }

    /// 1: the reference is ours.
    static int on_new_session(SSL* connection, SSL_SESSION* session) noexcept
    {
        auto* const store = static_cast<tls_sessions*>(SSL_get_ex_data(connection, slot()));
        if (!store || SSL_SESSION_is_resumable(session) != 1)
            return 0;
        try {
            store->put(tls_session_ptr(session), SSL_session_reused(connection) == 0);
        } catch (...) { // NOLINT(bugprone-empty-catch): OpenSSL is C, and nothing is lost
            // The handle has given the reference back; without the session the next handshake is a full one.
        }
        return 1;
    }

    static int slot()
    {
        static int const index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
        return index;
    }

    std::mutex mutex_;
    std::vector<tls_session_ptr> sessions_; // newest last
    clock::time_point verified_at_;         // when a handshake last showed a certificate
};

} // namespace hdikafka::inline v0_1::detail

#endif

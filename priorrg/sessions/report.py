def write_report(session, folder):
    return []

report: "../report/workflow.rst"


onstart:
    begin()


onsuccess:
    end()


onerror:
    end()

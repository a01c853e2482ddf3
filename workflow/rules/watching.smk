report: "../report/workflow.rst"


onstart:
    print_remarks()


onsuccess:
    print_summary()


onerror:
    print_summary()
